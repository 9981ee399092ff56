import sys

import typer


def python_version() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def test_banner_names_typer_by_default():
    banner = typer.get_version_banner()
    assert banner == f"Typer v{typer.__version__} (Python {python_version()})"


def test_banner_takes_another_prefix():
    banner = typer.get_version_banner(prefix="Toolbox")
    assert banner == f"Toolbox v{typer.__version__} (Python {python_version()})"


def test_banner_in_upper_case():
    banner = typer.get_version_banner(uppercase=True)
    assert banner == f"TYPER V{typer.__version__} (PYTHON {python_version()})".upper()
