"""Tables of names that people gave."""

import io

from rich.console import Console

from cli.console import table


def test_a_name_that_looks_like_markup_is_told_as_it_is() -> None:
    told = io.StringIO()
    Console(file=told, width=80).print(table("[/t]", ["[b]who[/b]"], [["[red]"], ["a[/b]"]], caption="[c]"))
    lines = [line.strip() for line in told.getvalue().splitlines() if line.strip(" ─")]
    assert lines == ["[/t]", "[b]who[/b]", "[red]", "a[/b]", "[c]"]
