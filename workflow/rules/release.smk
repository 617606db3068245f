# What may be shown: the tables of every study, and the side tables of its analyses.
OF_ANALYSES = ["results", "methods", "people", *sorted({name for side in SIDE.values() for name in side})]
RELEASED = [*OF_ANALYSES, "cleaning", "unread", "totals", "withheld", *OBSERVED]


def of_analyses(name):
    """Paths of one table of all analyses that write it."""
    return [analysis_tables(analysis)[name] for analysis in STUDY.analyses if name in analysis_tables(analysis)]


rule release:
    # The release line: P adjusted within families, then disclosure control, once. All that is shown comes from here.
    input:
        **tables("observed", OBSERVED),
        **tables("clean", ["audit", "totals"]),
        **tables("read", ["unread"]),
        **{name: of_analyses(name) for name in OF_ANALYSES},
        code=ancient(code("release")),
    output:
        **tables("release", RELEASED),
        files=[f"{REPORTS}/results/{analysis}.csv" for analysis in STUDY.analyses],
        ard=f"{REPORTS}/results/ard.csv",
    log:
        f"{LOGS}/release.log",
    benchmark:
        f"{LOGS}/release.benchmark"
    resources:
        mem_mb=memory(500),
    params:
        study=section(STUDY, "design", "made_up", "patients", "visits", "primary", "analyses", "families", "disclosure"),
        code=digest(*code("release")),
    script:
        "../scripts/release.py"
