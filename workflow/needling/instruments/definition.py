"""What one outcome of a study is: the registry's entry with what the study file says about it."""

import difflib
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from needling.instruments.registry import Bands, Entry, PublishedThreshold, registry
from needling.study.keys import StudyError, words
from needling.study.scoring import Domain, Range, Scoring
from needling.study.sources import Instrument, Threshold

SUM = "sum of items"  # unit of totals that are the answers added up, where the score is more than that
BEYOND = 0.05  # how far published factors that are rounded lead beyond the range (the FIQ's to 100.01)


@dataclass(frozen=True)
class Definition:
    """An outcome with its unit, range, direction, items and thresholds.

    `items` are the item numbers as text, in order, empty where the study has totals only. `factors` says what one
    unit of another scale is in `unit`; `exported` is the unit of the study's totals.
    """

    name: str
    label: str
    unit: str
    low: float
    high: float
    better: Literal["lower", "higher"]
    items: tuple[str, ...] = ()
    thresholds: tuple[PublishedThreshold, ...] = ()
    exported: str = ""
    factors: dict[str, float] = field(default_factory=dict)
    usual: Range | None = None
    role: str = "outcome"
    recall: str = ""
    whole: bool = False
    scoring: Scoring | None = None
    bands: Bands | None = None
    unverified: tuple[str, ...] = ()

    def item_range(self, item: str) -> Range:
        """Lowest and highest answer of one item; the range of the score where there are no items."""
        return (self.low, self.high) if self.scoring is None else self.scoring.range_of(int(item))

    def only_answers(self, item: str) -> list[float]:
        """The only answers that one item has, rising; empty where every answer of its range exists."""
        return [] if self.scoring is None else self.scoring.only_of(int(item))

    @property
    def measured(self) -> bool:
        """True where items are repeated measurements in the unit of the score (as PPT), not answers."""
        return self.scoring is not None and self.scoring.answers == (self.low, self.high) and bool(self.factors)

    @property
    def sums(self) -> Range | None:
        """The sums of all answers that stand for the lowest and for the highest score, where a sum tells the score.

        None where the sum is the score, where items are reversed in part, are weighted by domains, or may be left out.
        """
        rule = self.scoring
        if rule is None or self.measured or rule.rule not in {"mean", "percent", "range"} or rule.fewest:
            return None
        numbers = range(1, rule.count + 1)
        least, most = (sum(rule.range_of(number)[end] for number in numbers) for end in (0, 1))
        if not rule.reversed:
            return (0.0 if rule.rule == "percent" else least), most
        return (most, least) if {*rule.reversed} == {*numbers} else None

    def from_sum(self, values: pd.Series) -> pd.Series:
        """Turn sums of all answers into scores: a line from the lowest score to the highest; needs `sums`."""
        assert self.sums is not None
        first, last = self.sums
        return self.low + (values - first) / (last - first) * (self.high - self.low)

    @property
    def turns_items(self) -> bool:
        """True where some items are scored in the other direction."""
        return self.scoring is not None and bool(self.scoring.reversed)

    @property
    def fewest_items(self) -> int:
        """Fewest answered items with which a score is possible."""
        return self.scoring.fewest_answered if self.scoring else 0

    def reverse(self, items: pd.DataFrame) -> pd.DataFrame:
        """Turn the reversed items round and put counts into their bands: what is added up.

        Parameters
        ----------
        items : one column per item, named by its number.

        Returns
        -------
        The same columns; a reversed item is lowest + highest answer - answer, a banded one the number of its band from 0.
        """
        turned = items.copy()
        for name in self.scoring.banded if self.scoring else []:
            if name in turned.columns:
                turned[name] = self._band(name, turned[name].to_numpy(dtype=float))
        for number in self.scoring.reversed if self.scoring else []:
            if str(number) in turned.columns:
                low, high = self.item_range(str(number))
                turned[str(number)] = low + high - turned[str(number)]
        return turned

    def _band(self, item: str, counts: np.ndarray) -> np.ndarray:
        assert self.scoring is not None
        return np.where(np.isfinite(counts), np.searchsorted(self.scoring.banded[item], counts).astype(float), np.nan)

    def score(self, items: pd.DataFrame) -> pd.Series:
        """Score answers with the instrument's own rule and missing-item rule.

        Parameters
        ----------
        items : one row per questionnaire, one column per item named by its number, answers as numbers, NaN for missing;
            answers that the item does not have count as missing.

        Returns
        -------
        Scores in `unit`, NaN where too few items were answered or the answers exclude each other. Over the answered items:
        sum = items * mean; percent = 100 * sum / sum of the highest answers; range = 100 * sum(answer - lowest) /
        sum(highest - lowest); domains = the sum over domains of points * (mean - lowest) / (highest - lowest), of factor *
        mean, or of the one item that applies. A banded item counts as the number of its band.

        Raises
        ------
        StudyError : the instrument has no items (its scores come from elsewhere).
        """
        if self.scoring is None:
            raise StudyError(
                f"instruments.{self.name}: {self.label} is not scored from items here; give the column of its total."
            )
        numbers = [column for column in items.columns if 1 <= int(column) <= self.scoring.count]
        values = self.reverse(self._possible(items[numbers].astype(float))).to_numpy()
        result = self._combine(values, numbers)
        if self.scoring.answered is not None or not self.scoring.domains:
            result[np.isfinite(values).sum(axis=1) < self.fewest_items] = np.nan
        result[(result < self.low - BEYOND) | (result > self.high + BEYOND)] = np.nan
        return pd.Series(np.clip(result, self.low, self.high), index=items.index, name=self.name)

    def _possible(self, answers: pd.DataFrame) -> pd.DataFrame:
        """Make answers missing that an item does not have."""
        kept = {}
        for item in answers.columns:
            only = self.only_answers(item)
            exists = answers[item].isin(only) if only else answers[item].between(*self.item_range(item))
            kept[item] = answers[item].where(exists)
        return pd.DataFrame(kept, index=answers.index)

    def _combine(self, values: np.ndarray, numbers: list[str]) -> np.ndarray:
        scoring = self.scoring
        assert scoring is not None
        if scoring.rule == "domains":
            return _domains(values, [int(number) for number in numbers], scoring)
        if scoring.rule == "mean":
            return _mean(values)
        if scoring.rule == "sum":
            return _mean(values) * scoring.count
        lows, highs = np.array([scoring.range_of(int(number)) for number in numbers]).T
        lows = lows if scoring.rule == "range" else np.zeros(len(numbers))
        answered = np.isfinite(values)
        most = (answered * (highs - lows)).sum(axis=1)
        return np.where(most > 0, np.nansum(values - lows, axis=1) / np.where(most > 0, most, 1), np.nan) * 100

    def pomp(self, values: pd.Series) -> pd.Series:
        """Put scores on percent of maximum possible score, 0-100, higher better.

        Parameters
        ----------
        values : scores in `unit`.

        Returns
        -------
        100 * (value - low) / (high - low), or 100 minus that where lower is better; NaN stays NaN.
        """
        share = (values - self.low) / (self.high - self.low) * 100
        return share if self.better == "higher" else 100 - share

    def from_pomp(self, shares: pd.Series) -> pd.Series:
        """Put percent of maximum possible score back on the instrument's own scale; the inverse of `pomp`."""
        return self.low + (shares if self.better == "higher" else 100 - shares) / 100 * (self.high - self.low)

    def threshold(self, kind: str = "MCID", scale: str | None = None) -> PublishedThreshold:
        """Find a within-person threshold on one scale; never converts one.

        Parameters
        ----------
        kind : MCID, MDC or SCB.
        scale : the scale it shall be applied on, e.g. '0-10 points' or '% of baseline'. Default: the outcome's unit.

        Returns
        -------
        The threshold: the study's own before the registry's, in the order given there.

        Raises
        ------
        StudyError : there is none of this kind, or it is published for another scale; the sentence says which.
        """
        wanted = scale or self.unit
        of_kind = [one for one in self.thresholds if one.kind == kind]
        for one in of_kind:
            if one.scale == wanted:
                return one
        if not of_kind:
            raise StudyError(
                f"instruments.{self.name}: no {kind} is known for {self.label}; "
                "add one under thresholds with its source."
            )
        published = "; ".join(f"{one.value:g} on '{one.scale}' ({one.source or 'unverified'})" for one in of_kind)
        raise StudyError(
            f"instruments.{self.name}: the {kind} of {self.label} is published as {published} and cannot be applied to "
            f"'{wanted}': a change of so many points means something else on another scale."
        )


def _mean(values: np.ndarray) -> np.ndarray:
    """Row means over the finite values, NaN for a row without any."""

    answered = np.isfinite(values).sum(axis=1)
    return np.where(answered > 0, np.nansum(values, axis=1) / np.maximum(answered, 1), np.nan)


def _domains(values: np.ndarray, numbers: list[int], scoring: Scoring) -> np.ndarray:
    """Add up the domains; where enough have a score, those without one count as the mean of the others."""
    parts = []
    for domain in scoring.domains:
        mine = values[:, [place for place, number in enumerate(numbers) if domain.first <= number <= domain.last]]
        enough = np.isfinite(mine).sum(axis=1) >= domain.answered
        parts.append(np.where(enough, _domain(mine, domain, scoring), np.nan))
    scores = np.column_stack(parts)
    there = np.isfinite(scores).sum(axis=1)
    return np.where(there >= (scoring.fewest_domains or len(parts)), _mean(scores) * len(parts), np.nan)


def _domain(values: np.ndarray, domain: Domain, scoring: Scoring) -> np.ndarray:
    if domain.one_of:
        return np.where((values > 0).sum(axis=1) <= 1, np.nansum(values, axis=1), np.nan)
    if domain.times is not None:
        return _mean(values) * domain.times
    low, high = scoring.range_of(domain.first)
    assert domain.points is not None
    return (_mean(values) - low) / (high - low) * domain.points


def definition(name: str, settings: Instrument) -> Definition:
    """Merge the registry's entry for an outcome with what the study file says about it.

    Parameters
    ----------
    name : key of the outcome under `instruments` in the study file.
    settings : its section there; `registry` names the entry where it is not the key itself. An outcome that the registry
        does not know needs range and better, and scoring where it has items.

    Returns
    -------
    The definition. Words, range and direction of the study file win over the registry's for an outcome without an
    entry only: an instrument of the registry keeps its own range and direction.

    Raises
    ------
    StudyError : unknown instrument, contradiction with the registry, wrong number of items, unknown unit.
    """
    known = registry()
    if settings.registry is not None and settings.registry not in known:
        near = difflib.get_close_matches(settings.registry, known, n=1)
        hint = f"did you mean '{near[0]}'" if near else "known are: " + ", ".join(known)
        raise StudyError(f"instruments.{name}.registry: '{settings.registry}' is not in the registry; {hint}.")
    entry = known.get(settings.registry or name)
    return _described(name, settings) if entry is None else _registered(name, settings, entry)


def definitions(instruments: dict[str, Instrument]) -> dict[str, Definition]:
    """Definitions of all outcomes of a study, by name in the order of the study file; raises as `definition`."""
    return {name: definition(name, settings) for name, settings in instruments.items()}


def _described(name: str, settings: Instrument) -> Definition:
    """An outcome that only the study file describes."""
    for key in ("range", "better"):
        if getattr(settings, key) is None:
            raise StudyError(
                f"instruments.{name}: the registry does not know it, so the study file must give its {key} "
                f"(or name one under registry: {', '.join(registry())})."
            )
    if (settings.items is None) != (settings.scoring is None):
        lacking = "scoring, the rule from its items to the score" if settings.items else "items, which scoring is about"
        raise StudyError(
            f"instruments.{name}: the registry does not know it, so the study file must give its {lacking} "
            "(docs/instruments.md)."
        )
    assert settings.range is not None
    assert settings.better is not None
    low, high = settings.range
    unit = settings.unit or f"{low:g}-{high:g} points"
    return Definition(
        name=name,
        label=settings.label or words(name),
        unit=unit,
        low=low,
        high=high,
        better=settings.better,
        items=item_numbers(name, settings, settings.label or words(name), settings.scoring),
        thresholds=tuple(_own(one) for one in settings.thresholds),
        exported=unit,
        scoring=settings.scoring,
    )


def _registered(name: str, settings: Instrument, entry: Entry) -> Definition:
    place = f"instruments.{name}"
    if settings.scoring is not None:
        raise StudyError(
            f"{place}.scoring: {entry.label} is scored by the registry's rule; "
            "remove the key, or describe a version of your own under a name that is not in the registry."
        )
    if settings.better is not None and entry.better not in ("none", settings.better):
        raise StudyError(
            f"{place}.better: for {entry.label} {entry.better} is better, the study file says {settings.better}; "
            f"remove it, or describe a version of your own under a name that is not in the registry."
        )
    better = settings.better or entry.better
    if better == "none":
        raise StudyError(f"{place}: {entry.label} has no direction of its own; say under better which one is meant.")
    if settings.range is not None and settings.range != entry.range:
        raise StudyError(
            f"{place}.range: the range of {entry.label} is {entry.range[0]:g}-{entry.range[1]:g} {entry.unit}; "
            f"remove the key, or describe a version of your own under a name that is not in the registry."
        )
    found = Definition(
        name=name,
        label=settings.label or entry.label,
        unit=entry.unit,
        low=entry.range[0],
        high=entry.range[1],
        better=better,
        items=item_numbers(name, settings, entry.label, entry.scoring),
        thresholds=(*(_own(one) for one in settings.thresholds), *entry.thresholds),
        exported=settings.unit or entry.unit,
        factors=dict(entry.units),
        usual=entry.usual,
        role=entry.role,
        recall=entry.recall,
        whole=entry.whole,
        scoring=entry.scoring,
        bands=entry.bands,
        unverified=tuple(entry.unverified),
    )
    known = [entry.unit, *entry.units, *([SUM] if found.sums else [])]
    if settings.unit is not None and settings.unit not in known:
        raise StudyError(
            f"{place}.unit: '{settings.unit}' is not a unit of {entry.label}; known are: {', '.join(known)}."
        )
    return found


def item_numbers(name: str, settings: Instrument, label: str, scoring: Scoring | None) -> tuple[str, ...]:
    """Numbers of the items that the study has, checked against the rule that scores them."""
    if settings.items is None:
        return ()
    if scoring is None:
        raise StudyError(f"instruments.{name}.items: {label} is not scored from items; give its total's column.")
    numbers = list(settings.numbered_items)
    allowed = {str(number) for number in range(1, scoring.count + 1)}
    unknown = [number for number in numbers if number not in allowed]
    few = scoring.fewest or scoring.count
    if unknown or len(numbers) < few:
        needed = f"{few} to {scoring.count}" if few < scoring.count else str(scoring.count)
        raise StudyError(
            f"instruments.{name}.items: {label} has {needed} items numbered from 1; "
            f"the study file gives {len(numbers)}" + (f", among them '{unknown[0]}'." if unknown else ".")
        )
    return tuple(sorted(numbers, key=int))


def _own(one: Threshold) -> PublishedThreshold:
    percent = one.scale.replace(" ", "").startswith("%of")
    return PublishedThreshold(**one.model_dump(), percent=percent)
