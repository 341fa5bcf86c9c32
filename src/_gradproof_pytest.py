"""
What pytest loads of gradproof in each run: its options.

A module of its own, as importing the package imports NumPy: the plugin itself, that is
`gradproof.pytest_plugin`, is loaded where an option asks for it, or a test has imported gradproof.
"""

import sys
from typing import Any

_OPTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    (
        "--gradproof",
        {
            "dest": "gradproof",
            "action": "store_const",
            "const": "fail",
            "help": "verify each hand-written rule of JAX and PyTorch that the tests call; the run "
            "fails if one is wrong",
        },
    ),
    (
        "--gradproof=warn",
        {
            "dest": "gradproof",
            "action": "store_const",
            "const": "warn",
            "help": "the same, and the run does not fail",
        },
    ),
    (
        "--gradproof-strict",
        {
            "dest": "gradproof_strict",
            "action": "store_true",
            "help": "with --gradproof: an inconclusive rule fails the run, too",
        },
    ),
    (
        "--gradproof-only",
        {
            "dest": "gradproof_only",
            "action": "append",
            "metavar": "PATTERN",
            "default": [],
            "help": "watch rules whose qualified name has a part that matches, wherever they are "
            "defined (* is anything; may be repeated)",
        },
    ),
    (
        "--gradproof-skip",
        {
            "dest": "gradproof_skip",
            "action": "append",
            "metavar": "PATTERN",
            "default": [],
            "help": "do not watch these rules (may be repeated; in the ini file: gradproof_skip)",
        },
    ),
    (
        "--gradproof-all",
        {
            "dest": "gradproof_all",
            "action": "store_true",
            "help": "watch rules of other packages, too",
        },
    ),
    (
        "--gradproof-seconds",
        {
            "dest": "gradproof_seconds",
            "type": float,
            "default": 2.0,
            "metavar": "S",
            "help": "time for each kind of calls of a rule (default: 2)",
        },
    ),
    (
        "--gradproof-total",
        {
            "dest": "gradproof_total",
            "type": float,
            "default": 120.0,
            "metavar": "S",
            "help": "time for all of them (default: 120); each rule is looked at once in any case",
        },
    ),
    (
        "--gradproof-memory",
        {
            "dest": "gradproof_memory",
            "type": int,
            "default": 256,
            "metavar": "MIB",
            "help": "memory for arguments of rules (default: 256); beyond it they are drawn",
        },
    ),
    (
        "--no-gradproof-cache",
        {
            "dest": "gradproof_cache",
            "action": "store_false",
            "default": True,
            "help": "verify what earlier runs have verified, too, and keep nothing for later ones",
        },
    ),
    (
        "--gradproof-report",
        {
            "dest": "gradproof_report",
            "metavar": "DIR",
            "help": "write the report of each check that does not pass into a page in this folder",
        },
    ),
    (
        "--gradproof-seed",
        {
            "dest": "gradproof_seed",
            "type": int,
            "metavar": "N",
            "help": "the seed of checks in tests that are given none",
        },
    ),
)


def pytest_addoption(parser: Any) -> None:
    """Add the options."""
    group = parser.getgroup("gradproof", "verifying derivatives")
    for name, settings in _OPTIONS:
        group.addoption(name, **settings)
    parser.addini("gradproof_skip", "patterns of rules that --gradproof does not watch", "linelist")


def pytest_configure(config: Any) -> None:
    """Load the plugin if it is asked for."""
    options = config.option
    if options.gradproof_strict and not options.gradproof:
        import pytest

        msg = "--gradproof-strict without --gradproof; expected both: it is about watched rules."
        raise pytest.UsageError(msg)
    if options.gradproof or options.gradproof_report or options.gradproof_seed is not None:
        _load(config)


def pytest_collection_finish(session: Any) -> None:
    """Load the plugin if a test has imported gradproof."""
    if "gradproof" in sys.modules:
        _load(session.config)


def _load(config: Any) -> None:
    if not config.pluginmanager.has_plugin("gradproof-plugin"):
        from gradproof.pytest_plugin import Plugin

        config.pluginmanager.register(Plugin(config), "gradproof-plugin")
