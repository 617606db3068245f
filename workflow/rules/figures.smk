from needling.figures import FIGURES

# Where a table that a figure is drawn from lies, if not beside the others.
PLACES = {name: f"analyses/{STUDY.primary}/" for name in ["fitted", "quantiles"]}


def figure_tables(wildcards):
    """The tables of one figure, by name."""
    folder = PROCESSED.format(study=wildcards.study)
    return {name: f"{folder}/{PLACES.get(name, '')}{name}.parquet" for name in FIGURES[wildcards.figure]}


rule figure:
    # One figure as PDF, SVG and PNG, with the numbers it shows and the words that belong to it.
    input:
        unpack(figure_tables),
        code=code("figure"),
    output:
        **{ending: f"{REPORTS}/figures/{{figure}}.{ending}" for ending in ["pdf", "svg", "png", "csv"]},
        words=f"{PROCESSED}/figures/{{figure}}.json",
    log:
        "logs/{study}/figure_{figure}.log",
    benchmark:
        "logs/{study}/figure_{figure}.benchmark"
    params:
        study=PLAN,
    script:
        "../scripts/figure.py"
