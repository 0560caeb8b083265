import contextlib
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merchantgym.envs.catalogue import ALIASES, MAX_LISTINGS, Catalogue, CatalogueError, read_catalogue

ON = date(2025, 6, 1)
EXAMPLE = Path(__file__).parents[2] / "examples" / "catalogue.csv"
HEADER = "id,title,category,cost,price,minimum_order,stock,rating,reviews,listed_on"
GOOD = "L-01,Glass jar,jars,4.5,8.9,12,600,4.7,35,2024-06-01"


def read(folder: Path, *lines: str, encoding: str = "utf-8") -> Catalogue:
    path = folder / "catalogue.csv"
    path.write_bytes("\r\n".join(lines).encode(encoding))
    return read_catalogue(path, ON)


def faults(folder: Path, *lines: str, encoding: str = "utf-8") -> list[str]:
    with pytest.raises(CatalogueError) as caught:
        read(folder, *lines, encoding=encoding)
    return str(caught.value).splitlines()


def row(**changes: str) -> str:
    """The good row with some cells changed."""
    cells = dict(zip(HEADER.split(","), GOOD.split(","), strict=True)) | changes
    return ",".join(cells.values())


def test_the_example_reads() -> None:
    catalogue = read_catalogue(EXAMPLE, ON)
    assert catalogue.store == "catalogue"
    assert 28 <= len(catalogue.listing_id) <= 32
    assert len(set(catalogue.category)) >= 4
    share = catalogue.cost / catalogue.price
    assert (share >= 0.45).all()
    assert (share <= 0.75).all()
    assert (catalogue.price >= 3).all()
    assert (catalogue.price <= 80).all()
    new = (catalogue.age_days < 120).mean()
    assert 0.2 < new < 0.5
    assert np.isnan(catalogue.image_score).any()
    assert not np.isnan(catalogue.rating).any()


def test_cells_arrive_in_their_arrays(tmp_path: Path) -> None:
    catalogue = read(tmp_path, HEADER, GOOD, row(id="L-02", stock="0"))
    assert catalogue.listing_id == ("L-01", "L-02")
    assert (catalogue.title[0], catalogue.category[0]) == ("Glass jar", "jars")
    values = {
        name: getattr(catalogue, name)[0]
        for name in ("cost", "price", "minimum_order", "stock", "rating", "reviews", "age_days")
    }
    assert values == {
        "cost": 4.5,
        "price": 8.9,
        "minimum_order": 12.0,
        "stock": 600.0,
        "rating": 4.7,
        "reviews": 35.0,
        "age_days": 365.0,
    }
    assert np.isnan(catalogue.image_score).all()
    assert catalogue.stock[1] == 0.0


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_chinese_headers_and_titles_are_welcome(tmp_path: Path, encoding: str) -> None:
    header = "商品ID,标题,类目,成本,价格,起订量,库存,评分,评价数,上架日期,图片分,标题分"
    line = "甲-1,不锈钢保温杯 500ml,水杯,12.5,21,10,300,4.8,120,2025/5/1,0.8,"
    catalogue = read(tmp_path, header, line, encoding=encoding)
    assert catalogue.title == ("不锈钢保温杯 500ml",)
    assert catalogue.age_days[0] == 31.0
    assert catalogue.image_score[0] == 0.8
    assert np.isnan(catalogue.title_score[0])
    assert set(header.split(",")) <= set(ALIASES)


def test_a_listing_without_reviews_takes_the_mean_rating_of_its_store(tmp_path: Path) -> None:
    fresh = row(id="L-02", rating="", reviews="0")
    assert read(tmp_path, HEADER, GOOD, fresh).rating.tolist() == [4.7, 4.7]
    assert read(tmp_path, HEADER, fresh).rating.tolist() == [4.5]


def test_columns_of_the_merchants_own_blank_lines_and_a_name_are_accepted(tmp_path: Path) -> None:
    path = tmp_path / "shop.csv"
    path.write_text(f"{HEADER},备注\n\n{GOOD},slow mover\n", encoding="utf-8")
    assert read_catalogue(path, ON, store="Yiwu Kitchen").store == "Yiwu Kitchen"
    assert read_catalogue(path, ON).store == "shop"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"price": "abc"}, "price: 'abc' is not a number > 0"),
        ({"price": ""}, "price: '' is not a number > 0"),
        ({"cost": "0"}, "cost: '0' is not a number > 0"),
        ({"cost": "nan"}, "cost: 'nan' is not a number > 0"),
        ({"cost": "1_0"}, "cost: '1_0' is not a number > 0"),
        ({"minimum_order": "0"}, "minimum_order: '0' is not a whole number >= 1"),
        ({"minimum_order": "2.5"}, "minimum_order: '2.5' is not a whole number >= 1"),
        ({"stock": "-1"}, "stock: '-1' is not a whole number >= 0"),
        ({"stock": "inf"}, "stock: 'inf' is not a whole number >= 0"),
        ({"rating": "5.5"}, "rating: '5.5' is not a number from 1 to 5"),
        ({"rating": ""}, "rating: is empty with 35 reviews; a number from 1 to 5 is needed"),
        ({"reviews": "many"}, "reviews: 'many' is not a whole number >= 0"),
        ({"listed_on": "1 June"}, "listed_on: '1 June' is not a date such as 2024-03-31"),
        ({"listed_on": "2025-06-02"}, "listed_on: '2025-06-02' is after 2025-06-01, the day of reading"),
        ({"title": ""}, "title: is empty; text is needed"),
        (
            {"price": "4.2"},
            "price: 4.2 is under the cost 4.5; that is allowed only where the column clearance says yes",
        ),
    ],
)
def test_each_broken_cell_is_named(tmp_path: Path, changes: dict[str, str], message: str) -> None:
    assert faults(tmp_path, HEADER, row(id="L-00"), row(**changes)) == [f"catalogue.csv row 3 (id L-01), {message}"]


def test_clearance_allows_a_price_under_cost(tmp_path: Path) -> None:
    header = f"{HEADER},clearance"
    assert read(tmp_path, header, row(price="4.2") + ",yes").price[0] == 4.2
    assert read(tmp_path, header.replace("clearance", "清仓"), row(price="4.2") + ",是").price[0] == 4.2
    assert "allowed only where" in faults(tmp_path, header, row(price="4.2") + ",no")[0]
    assert faults(tmp_path, header, GOOD + ",perhaps") == [
        "catalogue.csv row 2 (id L-01), clearance: 'perhaps' is not yes or no"
    ]


def test_scores_stay_within_bounds(tmp_path: Path) -> None:
    header = f"{HEADER},image_score,title_score"
    assert faults(tmp_path, header, GOOD + ",1.2,0.5") == [
        "catalogue.csv row 2 (id L-01), image_score: '1.2' is not a number from 0 to 1"
    ]


def test_a_repeated_id_names_the_first_row(tmp_path: Path) -> None:
    assert faults(tmp_path, HEADER, GOOD, row(id="L-02"), GOOD) == [
        "catalogue.csv row 4 (id L-01), id: 'L-01' is in row 2 already; each id once"
    ]


def test_a_row_of_another_width_is_named(tmp_path: Path) -> None:
    assert faults(tmp_path, HEADER, "L-01,jar") == ["catalogue.csv row 2 (id L-01), has 2 cells; the header has 10"]


def test_every_broken_row_is_listed_up_to_ten_then_counted(tmp_path: Path) -> None:
    rows = [row(id=f"L-{k}", price="abc", stock="-1") for k in range(13)]
    lines = faults(tmp_path, HEADER, *rows)
    assert len(lines) == 21
    assert lines[0] == "catalogue.csv row 2 (id L-0), price: 'abc' is not a number > 0"
    assert lines[-1] == "... and 3 more broken rows"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ((), "catalogue.csv is empty; a header is needed: id, title"),
        (("", " , "), "catalogue.csv is empty"),
        ((HEADER,), "catalogue.csv has no listings"),
        (("id,title,price",), "catalogue.csv header: columns missing: category, cost, minimum_order, stock"),
        ((f"{HEADER},价格", f"{GOOD},3"), "header: column price is there 2 times; once is allowed"),
        (
            (f"{HEADER},image_scor", f"{GOOD},0.5"),
            "column 'image_scor' is unknown; 'image_score' may be meant",
        ),
        ((HEADER, 'L-01,"open'), "catalogue.csv line 2 is not CSV: unexpected end of data"),
        (
            (HEADER, *(row(id=f"L-{k}") for k in range(MAX_LISTINGS + 1))),
            f"catalogue.csv has {MAX_LISTINGS + 1} listings; at most {MAX_LISTINGS} are allowed",
        ),
    ],
)
def test_a_file_that_is_no_catalogue_is_refused(tmp_path: Path, lines: tuple[str, ...], message: str) -> None:
    assert message in faults(tmp_path, *lines)[0]


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    lines = faults(tmp_path, HEADER.replace("title", "标题"), GOOD, encoding="gbk")
    assert lines == ["catalogue.csv is not UTF-8 (byte 0xb1 at position 3); save it as 'CSV UTF-8'"]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"none\.csv cannot be read: No such file"):
        read_catalogue(tmp_path / "none.csv", ON)


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: f"{HEADER}\n{text}".encode()))
@settings(deadline=None, max_examples=200)
def test_any_bytes_give_a_catalogue_or_its_error(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(data)
    with contextlib.suppress(CatalogueError):
        assert 1 <= len(read_catalogue(path, ON).listing_id) <= MAX_LISTINGS
