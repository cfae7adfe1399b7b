"""The base of all option groups: frozen, strict about unknown keys."""

from pydantic import BaseModel, ConfigDict


class Options(BaseModel):
    """A group of options; declared beside the part that uses them, collected in `config.py`."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )
