"""The examples of docstrings, run as they stand. As a program: those of the desk, on the demo of the folder where it is started."""

import doctest
import importlib
import inspect
import pkgutil
import re
from types import SimpleNamespace

PARSER = doctest.DocTestParser()


class Said(doctest.OutputChecker):
    """What an example says it gives must come; one that says nothing may print what it likes."""

    def check_output(self, want, got, optionflags):
        return not want or super().check_output(want, got, optionflags)


def public(owner):
    """The public functions of a class, or a function itself, by name."""
    if not inspect.isclass(owner):
        return {owner.__name__: owner}
    own = {name: one for name, one in vars(owner).items() if not name.startswith("_")}
    opened = {name: getattr(one, "fget", None) or getattr(one, "func", None) or one for name, one in own.items()}
    return {f"{owner.__name__}.{name}": one for name, one in opened.items() if inspect.isfunction(one)}


def without_example(*owners):
    """Name the public functions that show no example."""
    every = {name: one for owner in owners for name, one in public(owner).items()}
    return [name for name, one in every.items() if ">>>" not in (one.__doc__ or "")]


def run(names, *owners):
    """Run the examples of some classes and functions, each with the same names at hand; give back how many ran and what failed.

    A function has the names of its own module too.
    """
    said = []
    runner = doctest.DocTestRunner(Said(), verbose=False, optionflags=doctest.ELLIPSIS)
    for owner in owners:
        for name, one in public(owner).items():
            runner.run(
                PARSER.get_doctest(inspect.getdoc(one) or "", {**one.__globals__, **names}, name, name, 0),
                out=said.append,
            )
    return runner.tries, "".join(said)


# Modules of `analysis/` whose functions are the house's own: they make frames, rows, words and formulas for the kinds.
HOUSE = {"fits", "formulas", "kinds", "results", "run", "sessions_received"}
PLAIN = {"Any", "None", "bool", "dict", "float", "int", "list", "object", "str", "tuple"}
PLAIN |= {"DataFrame", "Generator", "Iterable", "Literal", "Mapping", "Sequence", "Series", "ndarray"}


def statistics():
    """The public functions of `analysis/` that anybody can call: of numbers, texts and tables, and nothing of the house's."""
    import needling.analysis

    found = {}
    for _, name, _ in pkgutil.iter_modules(needling.analysis.__path__):
        module = importlib.import_module(f"needling.analysis.{name}")
        own = {key: one for key, one in vars(module).items() if getattr(one, "__module__", "") == module.__name__}
        functions = {key: one for key, one in own.items() if inspect.isfunction(one) and not key.startswith("_")}
        if name not in HOUSE:
            found |= {f"{name}.{key}": one for key, one in functions.items() if _is_plain(one)}
    return found


def _is_plain(function):
    taken = [inspect.formatannotation(one.annotation) for one in inspect.signature(function).parameters.values()]
    words = re.findall(r"[A-Za-z_][\w.]*", re.sub(r"Literal\[[^]]*\]", "Literal", " ".join(taken)))
    return {word.rpartition(".")[2] for word in words} <= PLAIN


def of_the_desk():
    """The examples of the face and of what it gives, in the cells of docs/api.md."""
    import needling as nd
    from needling.desk.asked import Asked
    from needling.desk.compared import compare
    from needling.desk.fit import Fit
    from needling.desk.held import Held
    from needling.desk.opened import OpenStudy, open_study
    from needling.desk.printed import Table
    from needling.desk.rows import Rows

    study = nd.open("demo")
    d = study.data("primary", cohort="myofascial", outcome="pain").add_baseline("csi")
    fit = study.fit("primary", cohort="myofascial", outcome="pain")
    slope, mod = fit.update(random="1 + week", residual=None), fit.update("~ . + arm*csi", data=d)
    names = {**vars(SimpleNamespace(nd=nd, study=study, d=d, fit=fit, slope=slope, mod=mod, Table=Table))}
    return run(names, open_study, compare, Held, OpenStudy, Rows, Asked, Fit)


if __name__ == "__main__":
    tried, failed = of_the_desk()
    print(failed or f"{tried} examples ran")
