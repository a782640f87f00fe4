"""`python -m faults --seed 1 --minutes 5`: run the fault harness with one seed, or with several in turn."""

import sys
import time
from dataclasses import dataclass
from typing import Annotated

import typer

from demo.interruption import Interrupted, raise_on_signals
from faults.report import explain, write
from faults.run import Run, Verdict
from faults.schedule import FAULTS, schedule
from faults.servers import running_servers
from faults.site import ROOT

FOLDER = ROOT / "var" / "faults"


@dataclass(frozen=True, slots=True)
class Plan:
    """The options of one run."""

    seed: int
    minutes: float
    only: list[str]
    calm: bool
    previous: str


def run(
    *,
    seed: Annotated[list[int], typer.Option(help="Seed of the schedule; repeat it for several runs.")],
    minutes: Annotated[float, typer.Option(help="Length of the schedule of faults.")] = 5.0,
    only: Annotated[list[str] | None, typer.Option(help=f"Only these faults: {', '.join(FAULTS)}.")] = None,
    calm: Annotated[bool, typer.Option("--calm", help="Inject one fault at a time, to measure each recovery.")] = False,
    previous: Annotated[str, typer.Option(help="Git ref of the previous version's worker.")] = "HEAD",
) -> None:
    """Inject faults into a real site according to a schedule, heal it, and check that nothing was lost."""
    raise_on_signals()
    try:
        verdicts = [_one(Plan(number, minutes, only or [], calm, previous)) for number in seed]
    except Interrupted as interrupted:
        raise typer.Exit(interrupted.exit_code) from None
    raise typer.Exit(0 if all(verdict.held for verdict in verdicts) else 1)


def _one(plan: Plan) -> Verdict:
    folder = FOLDER / f"{plan.seed}-{time.strftime('%Y%m%d-%H%M%S')}"
    folder.mkdir(parents=True)
    with running_servers(folder) as servers, Run(folder / "site", servers, seed=plan.seed) as the_run:
        the_run.site.previous = plan.previous
        the_run.warm_up()
        the_run.inject(schedule(plan.seed, plan.minutes, only=plan.only), calm=plan.calm)
        verdict = the_run.judge()
    write(verdict, plan.minutes, calm=plan.calm)
    sys.stdout.writelines(f"{line}\n" for line in explain(verdict))
    return verdict


if __name__ == "__main__":
    typer.run(run)
