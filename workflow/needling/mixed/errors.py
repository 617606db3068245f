"""The one error of the engine."""


class MixedModelError(ValueError):
    """A request that cannot be fitted, in one plain sentence with its mend."""
