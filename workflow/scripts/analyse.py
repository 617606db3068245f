from needling.analysis.run import analyse
from needling.schema import read_table, write_table
from needling.stage import stage
from needling.study.file import part

with stage(snakemake.log[0]):
    found = analyse(snakemake.wildcards.analysis, read_table(snakemake.input.frame), part(snakemake.params.study))
    for name in ("results", "fitted", "quantiles", "cross_check"):
        write_table(getattr(found, name), snakemake.output[name])
