"""Rules that all rows of a table keep: found in the data, given by the user, and kept by rewriting the table."""

from ganaug.rules.base_rule import Apart, Rule
from ganaug.rules.derived import Age, DatePart, FixedWhere
from ganaug.rules.equations import Copy, Monotone, PerCategory, Product, Sum
from ganaug.rules.find import Rules, find_rules
from ganaug.rules.kinds import (
    Bound,
    Custom,
    Determined,
    Grid,
    MissingWith,
    Never,
    OneHot,
    Order,
    Within,
    as_rule,
    rule_from_json,
)
from ganaug.rules.rewrite import Rewriter

__all__ = [
    "Age",
    "Apart",
    "Bound",
    "Copy",
    "Custom",
    "DatePart",
    "Determined",
    "FixedWhere",
    "Grid",
    "MissingWith",
    "Monotone",
    "Never",
    "OneHot",
    "Order",
    "PerCategory",
    "Product",
    "Rewriter",
    "Rule",
    "Rules",
    "Sum",
    "Within",
    "as_rule",
    "find_rules",
    "rule_from_json",
]
