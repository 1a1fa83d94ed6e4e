"""A file by which a person says no."""

from __future__ import annotations

from harness.safety.notices import posted


def test_its_first_line_is_quoted(tmp_path):
    notice = tmp_path / "FREEZE"
    assert posted(notice) is None
    notice.write_text("  release week, ask Ada \nmore\n")
    assert posted(notice) == '"release week, ask Ada"'
    notice.write_text("")
    assert posted(notice) == "it says nothing more"


def test_what_cannot_be_read_is_there_all_the_same(tmp_path):
    folder = tmp_path / "FREEZE"
    folder.mkdir()
    assert "cannot be read" in str(posted(folder))
    dangling = tmp_path / "STOP"
    dangling.symlink_to(tmp_path / "nowhere")
    assert "cannot be read" in str(posted(dangling))
    dangling.unlink()
    dangling.write_bytes(b"\xff\xfe" * 400)
    assert posted(dangling) is not None


def test_below_something_that_is_no_folder_there_is_none(tmp_path):
    (tmp_path / "file").write_text("")
    assert posted(tmp_path / "file" / "STOP") is None
