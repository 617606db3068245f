# Does each kind keep what it promises? No part of a study: `snakemake ... --config repetitions=400 -- validation` asks for it.
from needling.validation.cases import CASES

REPETITIONS = int(config.get("repetitions", 400))
PER_JOB = 25
VALIDATION = "data/processed/validation"


def repetitions_of_job(wildcards):
    """How many repetitions a job makes: more of them in all leave what is made already."""
    return min(PER_JOB, REPETITIONS - int(wildcards.first))


rule validate:
    # Some repetitions of one case; their numbers are their seeds, so that the jobs may be cut anyhow.
    input:
        code=ancient(code("validate", *sorted((PACKAGE / "analysis").glob("*.py")))),
    output:
        f"{VALIDATION}/{{case}}/{{first}}.csv",
    log:
        "logs/validation/{case}_{first}.log",
    benchmark:
        "logs/validation/{case}_{first}.benchmark"
    wildcard_constraints:
        case="|".join(CASES),
        first="[0-9]+",
    resources:
        mem_mb=memory(500),
    params:
        repetitions=repetitions_of_job,
        code=digest(*code("validate", *sorted((PACKAGE / "analysis").glob("*.py")))),
    script:
        "../scripts/validate.py"


rule validation:
    # The page of all repetitions, with their Monte Carlo errors.
    input:
        parts=[f"{VALIDATION}/{case}/{first}.csv" for case in CASES for first in range(0, REPETITIONS, PER_JOB)],
        code=ancient(code("validation")),
    output:
        "docs/validation.md",
    log:
        "logs/validation/validation.log",
    benchmark:
        "logs/validation/validation.benchmark"
    params:
        code=digest(*code("validation")),
    script:
        "../scripts/validation.py"
