# One job per analysis of the study file. Its kind says which tables it reads and which it writes beside its results.
SIDE = {analysis: getattr(kinds()[plan.kind], "SIDE", {}) for analysis, plan in STUDY.analyses.items()}


def analysis_tables(analysis):
    """Paths of the tables that an analysis writes, by name."""
    return tables(f"analyses/{analysis}", ["results", "methods", "people", *SIDE[analysis]])


def given_tables(analysis):
    """Paths of the tables that an analysis reads, by name: the frames, and what its kind asks for."""
    plan = STUDY.analyses[analysis]
    asked = getattr(kinds()[plan.kind], "READS", ())
    beside = ["scores", "readings"]
    of_stage = {"clean": TABLES, "observed": OBSERVED, "frames": beside}
    given = tables("frames", [name for name in FRAMES if name not in beside])
    for stage, names in of_stage.items():
        given |= tables(stage, [name for name in asked if name in names])
    return given


for analysis, plan in STUDY.analyses.items():

    rule:
        name:
            f"analyse_{analysis}"
        input:
            **given_tables(analysis),
            code=ancient(code("analyse", Path(kinds()[plan.kind].__file__))),
        output:
            **analysis_tables(analysis),
        log:
            f"{LOGS}/analyse_{analysis}.log",
        benchmark:
            f"{LOGS}/analyse_{analysis}.benchmark"
        resources:
            mem_mb=memory(500),
        params:
            analysis=analysis,
            study=of_one_analysis(analysis),
            registry=entries_of_one_analysis(analysis),
            code=digest(*code("analyse", Path(kinds()[plan.kind].__file__))),
        script:
            "../scripts/analyse.py"
