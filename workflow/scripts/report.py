from needling.report import build_report
from needling.schema import read_table
from needling.stage import stage
from needling.study import part

with stage(snakemake.log[0]):
    pass
