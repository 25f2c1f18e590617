"""``skastro demo`` is ``skastro train`` on an example of its own."""

from skastro._cli import _demo, main


def test_demo_trains_on_the_shipped_slices(tmp_path, monkeypatch):
    """The configuration is read and its data are opened; the training itself is that of others."""
    seen = []

    def train(path, output):
        seen.append((path.name, path.is_file(), output))
        return 0

    monkeypatch.setattr(_demo, "train", train)
    assert main(["demo", "--output", str(tmp_path)]) == 0
    assert seen == [("reionization.toml", True, tmp_path)]
