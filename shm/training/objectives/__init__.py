"""What each phase minimises."""

from shm.training.objectives import deep_image_matting as dim
from shm.training.objectives import semantic_human_matting as shm
from shm.training.objectives.objective import Losses, LossModule, Objective
from shm.training.phases import Phase

__all__ = ["OBJECTIVES", "LossModule", "Losses", "Objective"]

OBJECTIVES: dict[Phase, Objective] = {
    Phase.TNET: shm.TNET,
    Phase.MNET: shm.MNET,
    Phase.END_TO_END: shm.END_TO_END,
    Phase.STAGE_0: dim.STAGE_0,
    Phase.STAGE_1: dim.STAGE_1,
    Phase.STAGE_2: dim.STAGE_2,
    Phase.STAGE_3: dim.STAGE_3,
}
