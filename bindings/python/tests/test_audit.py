"""The judgement on what a wheel needs (package_test.py)."""

import importlib.util

import pytest
from conftest import ROOT


@pytest.fixture(scope="module")
def audit():
    spec = importlib.util.spec_from_file_location("package_test", ROOT / "bindings/python/package_test.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.audit


def verdict(**changes):
    """As `auditwheel show --json` has it."""
    symbols = {"libc.so.6": ["GLIBC_2.14"], "libstdc++.so.6": ["GLIBCXX_3.4"], "ld-linux-x86-64.so.2": ["GLIBC_2.3"]}
    return {"overall_tag": "manylinux_2_35_x86_64", "versioned_symbols": symbols, "external_libs": {}, **changes}


def test_a_wheel_that_needs_what_every_system_has(audit):
    text = audit(verdict())
    assert "manylinux_2_35_x86_64" in text
    assert "libstdc++.so.6" in text


@pytest.mark.parametrize(
    "changes",
    [
        {"overall_tag": "linux_x86_64"},
        {"overall_tag": "linux_x86_64", "external_libs": {"liblz4.so.1": "/usr/lib/liblz4.so.1"}},
        {"external_libs": {"libhwy.so.1": None}},
        # One that auditwheel lets pass, and that we say the wheel carries.
        {"versioned_symbols": {"libc.so.6": ["GLIBC_2.14"], "libz.so.1": ["ZLIB_1.2.9"]}},
    ],
)
def test_a_wheel_that_needs_more(audit, changes):
    with pytest.raises(SystemExit, match="not on every Linux"):
        audit(verdict(**changes))
