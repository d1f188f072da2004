"""Listens, and prints where the data of the command goes."""

import harness


@harness.hookimpl
def harness_run_started(run, case_ids):
    print(f"{run.id} begins with {len(case_ids)} cases")
