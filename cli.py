"""The two commands from a checkout: ``python cli.py shm-data …``, ``python cli.py shm …``."""

import click

from shm.cli import data, shm

launcher = click.Group(help="The commands of shm.", commands={"shm-data": data, "shm": shm})

if __name__ == "__main__":
    launcher(prog_name="cli.py")
