"""Complete configurations to start from, by name."""

from shm.training.config import OptimiserConfig, PhaseConfig, Phases, TrainConfig

_PAPER_ADAM = OptimiserConfig(learning_rate=1e-5)

PAPER = TrainConfig(
    preset="paper",
    tnet="pspnet50",
    mnet="vgg16-bn",
    tnet_weights="imagenet",
    mnet_weights="imagenet",
    phases=Phases(
        # The paper gives sizes, batch and learning rate; the numbers of steps are ours.
        tnet=PhaseConfig(
            steps=50_000,
            batch=10,
            optimiser=_PAPER_ADAM,
            crop=400,
            centred_on_unknown=False,
            rotation=10.0,
        ),
        mnet=PhaseConfig(
            steps=100_000,
            batch=10,
            optimiser=_PAPER_ADAM,
            crop=320,
            crop_sizes=(320, 480, 640),
        ),
        end_to_end=PhaseConfig(
            steps=50_000,
            batch=10,
            optimiser=_PAPER_ADAM,
            crop=800,
            crop_sizes=(800,),
            matte_crop=320,
            matte_crop_sizes=(320, 480, 640),
        ),
    ),
    log_every=50,
    validate_every=2000,
    validation_samples=500,
    picture_every=2000,
    checkpoint_every=500,
)
"""The recipe of arXiv 1809.01354: one large GPU, days."""

LIGHT = TrainConfig(
    preset="light",
    tnet="mobilenetv2-unet",
    mnet="light",
    tnet_weights="scratch",
    mnet_weights="scratch",
    phases=Phases(
        tnet=PhaseConfig(
            steps=560,
            batch=8,
            optimiser=OptimiserConfig(learning_rate=3e-3, schedule="cosine", warmup=30),
            crop=160,
            centred_on_unknown=False,
            rotation=10.0,
        ),
        mnet=PhaseConfig(
            steps=200,
            batch=8,
            optimiser=OptimiserConfig(learning_rate=2e-3, schedule="cosine", warmup=30),
            crop=160,
        ),
        end_to_end=PhaseConfig(
            steps=200,
            batch=8,
            optimiser=OptimiserConfig(learning_rate=5e-4, schedule="cosine"),
            crop=160,
        ),
    ),
    # At which photos are about as large to the nets as what was cut for them to learn from.
    max_side=320,
    log_every=10,
    validate_every=120,
    validation_samples=24,
    picture_every=120,
    checkpoint_every=40,
)
"""Small nets from scratch: all three phases in minutes on two CPU cores, to see the whole way."""

PRESETS: dict[str, TrainConfig] = {"paper": PAPER, "light": LIGHT}
