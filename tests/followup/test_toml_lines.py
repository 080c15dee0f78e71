from followup.toml_lines import line_of

TEXT = """\
# a comment
default = "a"

[[strategies]]
name = "a"
[[strategies.epochs]]
count = 1
[[strategies]]
name = "b"
[[strategies.epochs]]
count = 2
[[strategies.epochs]]
  count = 3
[limits]
sun = -12
"""


def test_finds_keys_of_nested_arrays_of_tables() -> None:
    lines = TEXT.splitlines()
    for path, written in (
        (("default",), 'default = "a"'),
        (("strategies", 1, "name"), 'name = "b"'),
        (("strategies", 0, "epochs", 0, "count"), "count = 1"),
        (("strategies", 1, "epochs", 0, "count"), "count = 2"),
        (("strategies", 1, "epochs", 1, "count"), "  count = 3"),
        (("limits", "sun"), "sun = -12"),
    ):
        assert lines[line_of(TEXT, path) - 1] == written, path


def test_points_at_the_table_around_a_key_that_is_missing() -> None:
    assert TEXT.splitlines()[line_of(TEXT, ("strategies", 1, "epochs", 1, "filters")) - 1] == (
        "[[strategies.epochs]]"
    )
    assert line_of(TEXT, ("nowhere", 3)) == 1
