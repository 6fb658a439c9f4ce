"""The demo: value forecasts on a real shop, then audience, ranking and journey on a business whose truth is known."""

from pathlib import Path

from cli.console import out
from cli.demo import business, cdnow
from cli.demo.sizes import Size


def run_demo(folder: Path, size: Size, *, kept: bool) -> None:
    """Runs everything in `folder`, and says so on the way."""
    out.print("[bold]Farview demo, 1 of 2:[/bold] who comes next at CDNOW, a shop whose customers of 1997 are real.")
    cdnow_database = cdnow.tell(_new(folder / "cdnow"), size.cdnow)
    out.print()
    out.print("[bold]Farview demo, 2 of 2:[/bold] whom to reach, what to show and how, in a simulated business.")
    business_database = business.tell(_new(folder / "business"), size.customers)
    out.print()
    if kept:
        out.print("The databases are kept. Next:")
        out.print(f"  farview serve --database {cdnow_database}")
        out.print(f"  farview plan --database {business_database}")
    else:
        out.print("Next, with your own transactions: farview init; farview import transactions FILE")


def _new(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder
