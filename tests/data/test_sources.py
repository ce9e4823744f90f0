from __future__ import annotations

import gzip
import json

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spex_data.data import file_format, read_examples
from spex_data.errors import DataError

ROWS = [
    {"text": "Where is my card?", "label": "card", "n": "007"},
    {"text": 'It says "NA",\nsince 2024-01-01', "label": "NA", "n": "1"},
    {"text": "Überweisung fehlt 🙂", "label": "2024-01-01", "n": "2"},
]


def read(source, **options):
    columns = {"input_column": "text", "output_column": "label", **options}
    return read_examples(str(source), task="classification", **columns)


def csv_of(rows, delimiter=","):
    def quoted(value):
        return '"' + value.replace('"', '""') + '"'

    lines = [rows[0], *(row.values() for row in rows)]
    return "".join(delimiter.join(map(quoted, line)) + "\n" for line in lines)


def write(path, rows=ROWS):
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows, indent=1))
    elif path.suffix in (".jsonl", ".ndjson"):
        path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
    else:
        path.write_text(csv_of(rows, "\t" if path.suffix == ".tsv" else ","))
    return path


class TestFormats:
    """The same rows give the same examples from every kind of file."""

    @pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "ndjson", "json", "parquet"])
    def test_texts_are_read_as_they_were_written(self, tmp_path, suffix):
        examples = read(write(tmp_path / f"rows.{suffix}"))
        assert examples.inputs == tuple(row["text"] for row in ROWS)
        assert examples.outputs == ("card", "NA", "2024-01-01")
        assert examples.columns["n"] == ("007", "1", "2")

    @pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
    def test_a_compressed_file_gives_the_same_examples(self, tmp_path, suffix):
        plain = write(tmp_path / f"rows.{suffix}")
        packed = tmp_path / f"rows.{suffix}.gz"
        packed.write_bytes(gzip.compress(plain.read_bytes()))
        assert read(packed) == read(plain)

    @pytest.mark.parametrize("delimiter", [";", "\t"])
    def test_a_csv_of_a_spreadsheet_that_writes_no_commas_is_read(self, tmp_path, delimiter):
        (tmp_path / "own.CSV").write_text(csv_of(ROWS, delimiter))
        assert read(tmp_path / "own.CSV") == read(write(tmp_path / "rows.csv"))

    def test_a_csv_of_one_column_keeps_what_separates_nothing(self, tmp_path):
        (tmp_path / "own.csv").write_text("text\na; b\n")
        columns = {"input_column": "text", "output_column": "text"}
        assert read(tmp_path / "own.csv", **columns).inputs == ("a; b",)

    def test_a_byte_order_mark_is_no_part_of_the_first_column(self, tmp_path):
        path = tmp_path / "rows.csv"
        path.write_text(csv_of(ROWS), encoding="utf-8-sig")
        assert len(read(path)) == 3

    def test_an_fsspec_url_is_read(self):
        with fsspec.open("memory://somewhere/rows.csv", "w") as file:
            file.write(csv_of(ROWS))
        assert len(read("memory://somewhere/rows.csv")) == 3

    def test_a_relative_path_starts_at_the_working_directory(self, tmp_path, monkeypatch):
        write(tmp_path / "rows.csv")
        monkeypatch.chdir(tmp_path)
        assert len(read("rows.csv")) == 3

    def test_numbers_and_booleans_become_the_text_that_json_shows(self, tmp_path):
        path = write(
            tmp_path / "rows.jsonl", [{"text": "a", "label": 3, "ok": True}, {"text": "b", "label": "x"}]
        )
        examples = read(path)
        assert examples.outputs == ("3", "x")
        assert examples.columns["ok"] == ("true", "")

    def test_lists_and_records_are_left_out_of_the_columns(self, tmp_path):
        row = {"text": "a", "label": "x", "tags": ["t"], "meta": {"k": 1}}
        for suffix in ("jsonl", "parquet"):
            assert set(read(write(tmp_path / f"rows.{suffix}", [row])).columns) == {"text", "label"}

    @settings(max_examples=30, deadline=None)
    @given(
        texts=st.lists(
            st.text(st.characters(codec="utf-8"), min_size=1).filter(str.strip), min_size=1, max_size=5
        )
    )
    def test_any_text_survives_json_lines(self, texts, tmp_path_factory):
        path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
        path.write_bytes(
            "\n".join(json.dumps({"text": t, "label": t}, ensure_ascii=False) for t in texts).encode()
        )
        assert read(path).inputs == tuple(texts)


class TestFileFormat:
    """The name of a source says whether it is a file."""

    @pytest.mark.parametrize(
        ("source", "form"),
        [
            ("a/b.csv", ".csv"),
            ("B.JSONL.gz", ".jsonl"),
            ("s3://bucket/x.parquet", ".parquet"),
            ("https://host/x.csv?download=1", ".csv"),
            ("PolyAI/banking77", None),
            ("notes.txt", None),
            ("folder.gz", None),
        ],
    )
    def test_the_suffix_decides(self, source, form):
        assert file_format(source) == form


class TestSelection:
    """Rows are chosen by number, by value, and at most so many, in file order."""

    @pytest.fixture
    def path(self, tmp_path):
        rows = [{"text": f"t{i}", "label": "abc"[i % 3], "n": str(i % 2)} for i in range(12)]
        return write(tmp_path / "rows.csv", rows)

    def test_where_keeps_the_rows_with_one_of_the_values(self, path):
        assert read(path, where={"label": ["a", "b"], "n": ["0"]}).inputs == ("t0", "t4", "t6", "t10")

    def test_limit_keeps_the_first_rows(self, path):
        assert read(path, limit={"rows": 2}).inputs == ("t0", "t1")

    def test_limit_per_column_keeps_the_first_rows_of_each_value(self, path):
        assert read(path, limit={"per": "label", "rows": 1}).inputs == ("t0", "t1", "t2")

    def test_limit_counts_only_the_rows_that_where_keeps(self, path):
        assert read(path, where={"label": ["b"]}, limit={"rows": 2}).inputs == ("t1", "t4")

    def test_rows_are_taken_in_the_order_given(self, path):
        assert read(path, rows=[5, 0]).inputs == ("t5", "t0")

    def test_a_chosen_row_has_the_id_that_it_has_among_all(self, path):
        assert read(path, rows=[5]).ids[0] == read(path).ids[5]

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"where": {"label": ["aa"]}}, "no row has label = 'aa'; did you mean 'a'"),
            ({"where": {"labels": ["a"]}}, "no column 'labels'; did you mean 'label'"),
            ({"where": {"label": ["a"], "n": ["7"]}}, "no row has n = '7'; its values are '0', '1'"),
            ({"rows": [12]}, "no row 12; choose rows between 0 and 11"),
            ({"rows": [1, 1]}, "row 1 is asked for twice"),
            ({"rows": [0], "where": {"label": ["b"]}}, "no row has all the values"),
            ({"limit": {"per": "lable", "rows": 1}}, "no column 'lable'; did you mean 'label'"),
            ({"limit": {"rows": 0}}, "a limit of"),
            ({"limit": {"row": 1}}, "a limit of"),
        ],
    )
    def test_a_choice_that_cannot_be_made_is_refused(self, path, options, message):
        with pytest.raises(DataError, match=message):
            read(path, **options)


class TestBadSources:
    """What is wrong with a source is said in one message that names the source and the place."""

    def test_a_missing_column_names_the_nearest_and_lists_what_there_is(self, tmp_path):
        with pytest.raises(
            DataError, match=r"has no column 'texts'; did you mean 'text'.*'text', 'label', 'n'"
        ):
            read(write(tmp_path / "rows.csv"), input_column="texts")

    def test_a_missing_file_names_the_nearest(self, tmp_path):
        write(tmp_path / "train.csv")
        with pytest.raises(DataError, match=r"no such file; did you mean .*train\.csv"):
            read(tmp_path / "trian.csv")

    def test_a_missing_directory_is_not_looked_for_on_the_hub(self, tmp_path):
        with pytest.raises(DataError, match="no such file or directory"):
            read(tmp_path / "nothing" / "here")

    def test_a_missing_remote_file_is_said_to_be_missing(self):
        with pytest.raises(DataError, match=r"memory://no\.csv: there is no such file"):
            read("memory://no.csv")

    def test_an_unknown_protocol_is_named(self):
        with pytest.raises(DataError, match="Protocol not known: nope"):
            read("nope://rows.csv")

    def test_an_unknown_file_type_lists_the_known_ones(self, tmp_path):
        (tmp_path / "rows.xlsx").write_bytes(b"x")
        with pytest.raises(DataError, match=r"type '\.xlsx' is unknown; .*\.csv.*\.parquet"):
            read(tmp_path / "rows.xlsx")

    @pytest.mark.parametrize(
        ("name", "content"), [("e.csv", ""), ("e.csv", "text,label\n"), ("e.jsonl", "\n"), ("e.json", "[]")]
    )
    def test_a_source_without_rows_is_refused(self, tmp_path, name, content):
        (tmp_path / name).write_text(content)
        with pytest.raises(DataError, match="holds no rows"):
            read(tmp_path / name)

    def test_malformed_json_lines_name_the_line(self, tmp_path):
        (tmp_path / "rows.jsonl").write_text('{"text": "a", "label": "b"}\n\n{"text": "a", "label": }\n')
        with pytest.raises(DataError, match="line 3, column 24 is malformed"):
            read(tmp_path / "rows.jsonl")

    def test_a_line_that_is_no_object_is_named(self, tmp_path):
        (tmp_path / "rows.jsonl").write_text('{"text": "a", "label": "b"}\n["a", "b"]\n')
        with pytest.raises(DataError, match="line 2 is malformed"):
            read(tmp_path / "rows.jsonl")

    def test_half_a_surrogate_pair_is_refused(self, tmp_path):
        (tmp_path / "rows.jsonl").write_text('{"text": "\\ud800", "label": "b"}\n')
        with pytest.raises(DataError, match="surrogate"):
            read(tmp_path / "rows.jsonl")

    def test_a_csv_row_of_another_width_is_named(self, tmp_path):
        (tmp_path / "rows.csv").write_text("text,label\na,b\na,b,c\n")
        with pytest.raises(DataError, match=r"cannot be read as csv .*Row #3: Expected 2 columns, got 3"):
            read(tmp_path / "rows.csv")

    def test_another_encoding_than_utf_8_is_refused(self, tmp_path):
        (tmp_path / "rows.csv").write_bytes("text,label\nÜber,b\n".encode("latin-1"))
        with pytest.raises(DataError, match="encoded as UTF-8"):
            read(tmp_path / "rows.csv")

    def test_a_column_named_twice_is_refused(self, tmp_path):
        (tmp_path / "rows.csv").write_text("text,text\na,b\n")
        with pytest.raises(DataError, match="two columns named 'text'"):
            read(tmp_path / "rows.csv")

    def test_a_truncated_parquet_file_is_refused(self, tmp_path):
        path = write(tmp_path / "rows.parquet")
        path.write_bytes(path.read_bytes()[:-20])
        with pytest.raises(DataError, match="cannot be read as parquet"):
            read(path)

    def test_a_truncated_gzip_file_is_refused(self, tmp_path):
        (tmp_path / "rows.csv.gz").write_bytes(gzip.compress(csv_of(ROWS).encode())[:-12])
        with pytest.raises(DataError, match=r"rows\.csv\.gz: cannot be read"):
            read(tmp_path / "rows.csv.gz")

    @pytest.mark.parametrize(("value", "word"), [(None, "null"), (" ", "empty")])
    def test_a_row_without_a_text_is_named_by_its_number_in_the_source(self, tmp_path, value, word):
        rows = [{"text": "a", "label": "x"}, {"text": "b", "label": "y"}, {"text": value, "label": "y"}]
        with pytest.raises(DataError, match=rf"row 2 has a text \(column 'text'\) that is {word}"):
            read(write(tmp_path / "rows.jsonl", rows), where={"label": ["y"]})

    def test_a_row_without_a_completion_is_named_so(self, tmp_path):
        path = write(tmp_path / "rows.jsonl", [{"prompt": "a", "completion": ""}])
        with pytest.raises(DataError, match=r"row 0 has a completion \(column 'completion'\) that is empty"):
            read_examples(str(path), task="causal-lm", input_column="prompt", output_column="completion")
