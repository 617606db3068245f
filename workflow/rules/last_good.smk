# A failed run leaves the last good outputs in place; a finished one says what its results were made from (needling.desk.current).
#
# Snakemake deletes the outputs of a job before the job starts. Therefore every output is kept before the first job, as a hard
# link, or as a copy where the outputs lie on another file system or on one without links; after a failure, what is missing
# is put back, dated 1970 and marked as incomplete, so that the next run makes it again whatever the reason was. (Snakemake's
# own `update()` puts back too, but takes the old output for a new one.)

import os
import shutil
from pathlib import Path

from needling.desk.current import record

KEPT = Path(".snakemake/last_good") / STUDY.study
PUT_BACK = 1  # second of 1970 at which outputs that were put back are dated: not 0, which Snakemake takes for "not there"


def files_of(path):
    """The file itself, or all files below a folder."""
    return [one for one in ([path] if path.is_file() else path.rglob("*")) if one.is_file()]


def keep_outputs():
    for path in [path for folder in (PROCESSED, REPORTS) for path in files_of(Path(folder))]:
        (KEPT / path).parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(path, KEPT / path)
        except OSError:
            shutil.copy2(path, KEPT / path)


def put_back_outputs():
    for job in workflow.dag.jobs:
        for path in map(Path, workflow.async_run(workflow.persistence.incomplete(job))):
            if any(file.stat().st_mtime != PUT_BACK for file in files_of(path)):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    again = set()
    for kept in sorted(files_of(KEPT)):
        path = kept.relative_to(KEPT)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(kept, path)
            os.utime(path, (PUT_BACK, PUT_BACK))
            again |= {str(path), *map(str, path.parents)}  # an output may be a folder above it
    for job in workflow.dag.jobs:
        if again.intersection(map(str, job.output)):
            workflow.persistence.cleanup(job)
            workflow.persistence.started(job)
    shutil.rmtree(KEPT, ignore_errors=True)


onstart:
    put_back_outputs()  # what a killed run left behind
    keep_outputs()


onsuccess:
    shutil.rmtree(KEPT, ignore_errors=True)
    if {"all", "study"} & {job.rule.name for job in workflow.dag.jobs}:
        record(STUDY, [Path(one) if one else None for one in (RAW or RECORDS, DICTIONARY, CORRECTIONS)], Path(PROCESSED))


onerror:
    put_back_outputs()
