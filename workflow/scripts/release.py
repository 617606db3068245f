from needling.plan import adjust
from needling.release.line import gathered, release
from needling.schema import read_table, write_table
from needling.stage import stage
from needling.study.file import part

with stage(snakemake.log[0]):
    study = part(snakemake.params.study)
    tables = gathered({path: read_table(path) for path in sorted({*snakemake.input} - {*snakemake.input.code})}, study)
    released = release(tables | {"results": adjust(tables["results"], study)}, study)
    for name, path in snakemake.output.items():
        if name in released:
            write_table(released[name], path)
    for analysis, path in zip(study.analyses, snakemake.output.files, strict=True):
        write_table(released["results"][released["results"]["analysis"] == analysis], path)
