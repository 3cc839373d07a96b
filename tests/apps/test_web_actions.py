"""What the app does is what the functions of the package give for the same arguments."""

from __future__ import annotations

import numpy as np
import pytest
import web_app
from web_app import Page, encoded, photo, pixels_of, quick

import gradcam_mx as gm
from gradcam_mx import picture
from gradcam_mx.methods import METHODS
from gradcam_mx.metrics import METRICS

LAYER = "second_relu_fwd_output"


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    return web_app.export(tmp_path_factory.mktemp("net"))


@pytest.fixture(scope="module")
def pages(prefix):
    """Number of a context → the app with the net there."""
    made = {}
    yield made
    for one in made.values():
        one.close()


@pytest.fixture
def page(prefix, pages, ctx):
    if ctx.device_id not in pages:
        made = pages[ctx.device_id] = Page([web_app.held(prefix, ctx)])
        made.upload(encoded(photo(0)), "first.png")
        made.upload(encoded(photo(1)), "second.png")
    return pages[ctx.device_id]


@pytest.fixture
def still(page, ctx):
    """The app, for what has nothing to do with where it computes."""
    if ctx.device_id:
        pytest.skip("the same as on the first context")
    return page


@pytest.fixture
def own(prefix, ctx):
    """The net and the input of the first photo, as a user has them."""
    return gm.load(prefix, ctx=ctx), web_app.PREPARE(photo(0))


def kept(page, result, number=0):
    return page.workspace.map(result["maps"][number]["id"]).explanation


# -- explaining ------------------------------------------------------------------------------------


SLOW_TO_IMPORT = ("partition_shap",)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(one, marks=[pytest.mark.slow] if one in SLOW_TO_IMPORT else [])
        for one in METHODS
    ],
)
def test_each_method_gives_what_its_function_gives(page, own, name):
    method = METHODS[name]
    options = quick(method.options)
    result = page.explain({"name": name, "options": options}, targets=[{"class": 1}])
    if "background" in method.options:
        options["background"] = web_app.PREPARE(photo(1))
    expected = method.function(*own, 1, **options)
    found = kept(page, result)
    # as many rows as are quick run at once, and rounding differs with their number
    near = 1e-5 * np.abs(expected.values).max()
    np.testing.assert_allclose(found.values, expected.values, rtol=1e-4, atol=near)
    np.testing.assert_array_equal(found.score, expected.score)
    told = result["maps"][0]
    assert (told["method"], told["layer"], told["class"]) == (name, expected.layer, 1)
    assert told["shape"] == list(expected.values.shape[1:])
    png = page.get(told["picture"])
    shown = found.pictures(web_app.PREPARE.crop(photo(0)))[0]
    np.testing.assert_array_equal(pixels_of(png), _enlarged(shown))


def _enlarged(shown):
    return pixels_of(picture.png(np.asarray(shown)))


@pytest.mark.parametrize(
    ("spec", "target", "caption"),
    [
        (None, None, None),
        ({"class": 2}, 2, "<script>alert(1)</script> (2)"),
        ({"class": "Cat"}, 0, "tabby (0)"),
        ({"class": "1"}, 1, "dog (1)"),
        (
            {"difference": [0, 2]},
            gm.targets.ScoreDifference(0, 2),
            "tabby (0) rather than <script>alert(1)</script> (2)",
        ),
        (
            {"difference": ["cat", "1"]},
            gm.targets.ScoreDifference(0, 1),
            "tabby (0) rather than dog (1)",
        ),
        (
            {"unit": {"layer": LAYER, "channel": 3, "position": [2, 5]}},
            gm.targets.Unit(LAYER, 3, (2, 5)),
            f"channel 3 of {LAYER} at (2, 5)",
        ),
        (
            {"unit": {"layer": LAYER, "channel": 3}},
            gm.targets.Unit(LAYER, 3),
            f"channel 3 of {LAYER} where it is strongest",
        ),
        (
            {"unit": {"layer": None, "channel": 3}},
            gm.targets.Unit(None, 3),
            "channel 3 of second_relu_fwd_output where it is strongest",
        ),
        (
            {"channel": {"layer": LAYER, "channel": 3}},
            gm.targets.Channel(LAYER, 3),
            f"the mean of channel 3 of {LAYER}",
        ),
    ],
    ids=str,
)
def test_each_kind_of_target(page, own, spec, target, caption):
    result = page.explain("saliency", targets=[spec])
    np.testing.assert_array_equal(kept(page, result).values, gm.saliency(*own, target).values)
    if caption is not None:
        assert result["maps"][0]["caption"] == caption


def test_a_layer_by_its_name_and_methods_that_explain_it_if_they_are_asked_to(page, own):
    methods = [
        {"name": "grad_cam"},
        {"name": "input_x_gradient"},
        {"name": "input_x_gradient", "inside": True},
    ]
    result = page.explain(*methods, layer=LAYER)
    expected = [
        gm.grad_cam(*own, layer=LAYER),
        gm.input_x_gradient(*own),
        gm.input_x_gradient(*own, layer=LAYER),
    ]
    for number, one in enumerate(expected):
        np.testing.assert_array_equal(kept(page, result, number).values, one.values)
    assert [one["layer"] for one in result["maps"]] == [LAYER, None, LAYER]


def test_a_grid_of_nets_photos_classes_and_methods_is_in_that_order(page, prefix, ctx):
    other = web_app.held(prefix, ctx, "other", names=False)
    other = web_app.HeldNet("other", other.graph, web_app.zoo.GREY.adapted(size=32, order="RGB"))
    page.workspace.nets[other.id] = other
    nets, photos = list(page.workspace.nets), [one.id for one in page.workspace.album.all()]
    assert len(nets) == 2
    result = page.explain(
        "saliency", "grad_cam", targets=[{"class": 0}, {"class": 2}], nets=nets, photos=photos
    )
    told = [(one["net"], one["photo"], one["class"], one["method"]) for one in result["maps"]]
    assert told == [
        (net, one, class_id, method)
        for net in nets
        for one in photos
        for class_id in (0, 2)
        for method in ("saliency", "grad_cam")
    ]
    for one in result["maps"]:
        graph, prepare = page.workspace.nets[one["net"]].graph, page.workspace.nets[one["net"]]
        x = prepare.preprocess(photo(photos.index(one["photo"])))
        expected = METHODS[one["method"]].function(graph, x, one["class"])
        np.testing.assert_array_equal(
            page.workspace.map(one["id"]).explanation.values, expected.values
        )
    del page.workspace.nets[other.id]


def test_what_is_known_is_not_computed_again(page):
    first = page.do({**page.asked("rise", targets=[{"class": 1}]), **_few("rise")})
    again = page.do({**page.asked("rise", targets=[{"class": 1}]), **_few("rise")})
    assert (first["cached"], again["cached"], again["state"]) == (False, True, "done")
    assert first["result"] == again["result"]
    # what is as by default anyway is the same request
    written = [{"name": "rise", "options": {"num_samples": "9", "keep": 0.5, "seed": 0}}]
    assert page.do({**page.asked("rise", targets=[{"class": 1}]), "methods": written})["cached"]
    for changed in ({"seed": 1}, {"keep": 0.4}):
        methods = [{"name": "rise", "options": {"num_samples": 9, **changed}}]
        asked = {**page.asked("rise", targets=[{"class": 1}]), "methods": methods}
        assert not page.do(asked)["cached"]
    # the request that a map tells makes the map
    assert page.do(first["result"]["maps"][0]["request"])["result"] == first["result"]


def _few(name):
    return {"methods": [{"name": name, "options": {"num_samples": 9}}]}


def test_a_map_that_is_gone_is_made_again_under_the_same_address(still):
    (told,) = still.explain("saliency")["maps"]
    before = still.get(told["picture"])
    still.workspace.maps.drop(told["id"])
    still.workspace._pictures._kept.clear()
    assert still.get(told["picture"], 404) == {
        "error": "the map is not there any more",
        "gone": True,
    }
    assert still.done(told["request"])["maps"][0] == told
    assert still.get(told["picture"]) == before


def test_a_map_that_is_the_same_everywhere_is_said_to_be(still):
    (told,) = still.explain("saliency", targets=[{"class": 1}])["maps"]
    assert told["is_flat"] is False
    flat = {"name": "smooth_grad", "options": {"num_samples": 2, "noise": 0, "mode": "variance"}}
    (told,) = still.explain(flat)["maps"]
    assert told["is_flat"] is True


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"nets": ["x"]}, "there is no network 'x'"),
        ({"nets": "x"}, "expected a list"),
        ({"photos": ["../../etc/passwd"]}, "the photo is not there"),
        ({"photos": [None]}, "there is no photo None"),
        ({"methods": [{"name": "grad_camera"}]}, "there is no method 'grad_camera'"),
        ({"methods": [{"name": "rise", "options": {"sample": 1}}]}, "there is no option 'sample'"),
        (
            {"methods": [{"name": "rise", "options": {"num_samples": 10**9}}]},
            "num_samples is 1000000000; expected at most 400000",
        ),
        (
            {"methods": [{"name": "rise", "options": {"batch_size": 500}}]},
            "batch_size is 500; expected at most 64",
        ),
        ({"methods": [{"name": "rise", "options": {"keep": [[1]]}}]}, "expected a few numbers"),
        ({"methods": [{"name": "rise", "options": {"keep": {"a": 1}}}]}, "a number or a word"),
        ({"methods": [{"name": "rise", "options": {"keep": 1e400}}]}, "expected a number"),
        ({"targets": [{"class": "unicorn"}]}, "no class is called 'unicorn'"),
        ({"targets": [{"class": True}]}, "the class is True"),
        ({"targets": [{"class": -1}]}, "expected a whole number"),
        ({"targets": [{"what": 1}]}, "expected null, a class, a unit or a channel"),
        ({"targets": [{"unit": {"layer": "a", "channel": 1, "position": "x"}}]}, "the position"),
        ({"layer": 7}, "'layer' is 7; expected a text"),
        ({"methods": [{"name": "saliency"}] * 40}, "expected at most 36"),
        ({"action": "format_disk"}, "there is no action 'format_disk'"),
        ({"action": None}, "there is no action"),
    ],
    ids=lambda one: str(one)[:50],
)
def test_what_makes_no_sense_is_refused_in_plain_words(still, change, said):
    asked = {**still.asked("saliency"), **change}
    answer = still.client.post("/api/jobs", json=asked, headers=web_app.MINE)
    assert 400 <= answer.status_code < 500
    assert said in answer.get_json()["error"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"targets": [{"class": 7}]}, "7"),
        ({"layer": "nowhere"}, "no layer 'nowhere'"),
        ({"methods": [{"name": "rise", "options": {"keep": 3}}]}, "keep"),
        ({"methods": [{"name": "rise", "options": {"baseline": "pink"}}]}, "pink"),
        ({"output": "elsewhere"}, "elsewhere"),
    ],
    ids=str,
)
def test_what_the_methods_refuse_fails_in_their_words(still, change, said):
    asked = {**still.asked("grad_cam"), **change}
    job = still.do(asked)
    assert job["state"] == "failed"
    assert said in job["error"]
    assert still.explain("saliency")["maps"]


# -- how maps are drawn ----------------------------------------------------------------------------


def test_pictures_are_drawn_as_the_address_says(page, own):
    cam, signed = page.explain("grad_cam", {"name": "grad_cam", "options": {"relu": False}})["maps"]
    found = gm.grad_cam(*own)
    seen = web_app.PREPARE.crop(photo(0))

    def drawn(query):
        return pixels_of(page.get(f"{cam['picture']}?{query}"))

    looks = found.pictures(seen, alpha=0.9, colormap="viridis")[0]
    np.testing.assert_array_equal(drawn("opacity=0.9&colormap=viridis"), _enlarged(looks))
    heat = found.pictures(None)[0]
    np.testing.assert_array_equal(drawn("view=heat"), _enlarged(heat))
    (region,) = found.threshold(0.6)
    cut = picture.veiled(found.pictures(seen)[0], ~region.mask)
    np.testing.assert_array_equal(drawn("threshold=0.6"), _enlarged(cut))
    rows, columns = region.box
    crop = found.pictures(seen)[0][rows, columns]
    np.testing.assert_array_equal(drawn("threshold=0.6&crop=1"), _enlarged(crop))
    whole = found.pictures(photo(0))[0]
    np.testing.assert_array_equal(drawn("whole=1"), _enlarged(whole))
    assert drawn("whole=1&threshold=0.6").shape == _enlarged(whole).shape
    box = page.get(f"api/maps/{cam['id']}/box?threshold=0.6")["box"]
    assert box == [rows.start, columns.start, rows.stop, columns.stop]
    gap = gm.grad_cam(*own).heatmap()[0]
    other = gm.grad_cam(*own, relu=False)
    gap = gap - (other.signed_heatmap() if other.signed else other.heatmap())[0]
    expected = picture.signed_overlay(seen, gap / np.abs(gap).max())
    np.testing.assert_array_equal(drawn(f"minus={signed['id']}"), _enlarged(expected))


@pytest.mark.parametrize(
    "query", ["opacity=2", "opacity=x", "colormap=rainbow", "threshold=nan", "minus=none"]
)
def test_looks_that_there_are_not_are_refused(still, query):
    (told,) = still.explain("grad_cam")["maps"]
    still.get(f"{told['picture']}?{query}", 404 if "minus" in query else 400)


# -- predictions -----------------------------------------------------------------------------------


def test_predictions_are_those_of_the_package(page, own):
    net = next(iter(page.workspace.nets.values()))
    (told,) = page.done(
        {
            "action": "predict",
            "nets": [net.id],
            "photos": [page.workspace.album.all()[0].id],
        }
    )["predictions"]
    expected = gm.predict(own[0], photo(0), web_app.PREPARE)
    assert [one["class"] for one in told["rows"]] == [one.class_id for one in expected[0]]
    np.testing.assert_allclose(
        [one["probability"] for one in told["rows"]],
        [one.probability for one in expected[0]],
        rtol=1e-6,
    )
    assert {one["name"] for one in told["rows"]} == {
        "tabby, cat",
        "dog",
        "<script>alert(1)</script>",
    }


# -- inside ----------------------------------------------------------------------------------------


def look(page, gives, photos=None, **arguments):
    form = next(one for one in page.get("api/state")["inspect"] if one["gives"] == gives)
    asked = {
        "action": "inspect",
        "function": form["name"],
        "nets": [next(iter(page.workspace.nets))],
        "photos": [page.workspace.album.all()[0].id] if photos is None else photos,
        "arguments": arguments,
    }
    return page.done(asked)


def test_channels_are_a_layers_outputs_the_strongest_first(page, own):
    result = look(page, "channels", layers=LAYER)
    maps = gm.inspect.layer_outputs(*own, LAYER)[LAYER][0]
    assert (result["shape"], result["count"], result["pages"]) == ([1, *maps.shape], 8, 1)
    told = page.get(f"api/results/{result['id']}/channels")["channels"]
    order = picture.channel_order(maps)
    assert [one["channel"] for one in told] == list(order)
    for one in told:
        channel = maps[one["channel"]]
        assert one["max"] == pytest.approx(float(channel.max()))
        assert one["mean"] == pytest.approx(float(channel.mean()))
        assert channel[tuple(one["position"])] == channel.max()
        assert pixels_of(page.get(one["picture"])).shape[2] == 3
    numbered = page.get(f"api/results/{result['id']}/channels?sort=number")["channels"]
    assert [one["channel"] for one in numbered] == list(range(8))
    np.testing.assert_array_equal(
        pixels_of(page.get(f"{result['picture']}?sort=number")),
        _enlarged(picture.channel_grid(maps)),
    )
    np.testing.assert_array_equal(
        pixels_of(page.get(f"{result['picture']}?page=0")),
        _enlarged(picture.channel_grid(maps, sort=True)),
    )
    page.get(f"api/results/{result['id']}/channels/8.png", 404)


def test_a_box_is_the_receptive_field(page, own):
    result = look(page, "box", layer=LAYER, position=[3, 4], channel=2)
    rows, columns = gm.inspect.receptive_field(own[0], LAYER, (1, 3, 32, 32), (3, 4), 2)
    assert result["box"] == [rows.start, columns.start, rows.stop, columns.stop]
    assert pixels_of(page.get(result["picture"])).shape[0] >= 32


def test_patches_are_those_that_excite_most_over_all_photos(page, own):
    result = look(page, "patches", photos=[], layer=LAYER, units=[2, 5], k=2)
    expected = gm.inspect.max_activating_patches(
        own[0], [photo(0), photo(1)], LAYER, [2, 5], k=2, preprocess=web_app.PREPARE
    )
    ids = [one.id for one in page.workspace.album.all()]
    for unit, row in zip(result["units"], expected):
        assert unit["unit"] == row[0].unit
        for told, one in zip(unit["patches"], row):
            assert told["photo"] == ids[one.index]
            assert told["activation"] == pytest.approx(one.activation, rel=1e-5)
            assert told["position"] == list(one.position)
            np.testing.assert_array_equal(
                pixels_of(page.get(told["picture"])), _enlarged(one.picture)
            )
    assert pixels_of(page.get(result["picture"])).shape[2] == 3


def test_filters_are_the_weights(page, own):
    result = look(page, "filters", layer="first_fwd_output")
    weights = gm.inspect.weights(own[0], "first_fwd_output")
    assert result["shape"] == list(weights.shape)
    np.testing.assert_array_equal(
        pixels_of(page.get(result["picture"])), _enlarged(picture.filter_grid(weights))
    )


def test_what_excites_a_class_is_a_picture(page, own):
    result = look(page, "picture", target={"class": 1}, steps=3)
    expected = gm.inspect.activation_maximization(
        own[0], 1, preprocess=web_app.PREPARE, steps=3, progress=False
    )
    np.testing.assert_array_equal(
        pixels_of(page.get(result["picture"])), _enlarged(expected.picture)
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"function": "__import__"}, "nothing is called '__import__'"),
        ({"function": "os.system"}, "nothing is called"),
        ({"arguments": {"layer": LAYER, "evil": 1}}, "there is no option 'evil'"),
        ({"arguments": {}}, "choose the layer and the position first"),
        ({"photos": "all"}, "the photos are no list"),
    ],
    ids=str,
)
def test_nothing_but_what_looks_inside_can_be_called(still, change, said):
    asked = {
        "action": "inspect",
        "function": "receptive_field",
        "nets": [next(iter(still.workspace.nets))],
        "photos": [],
        "arguments": {"layer": LAYER, "position": [0, 0]},
        **change,
    }
    assert said in still.post("api/jobs", asked, 400)["error"]


# -- measures --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(METRICS))
def test_each_measure_gives_what_its_function_gives(page, own, name):
    metric = METRICS[name]
    maps = page.explain("grad_cam", "saliency", targets=[{"class": 1}])["maps"]
    options = quick(metric.options)
    result = page.done(
        {
            "action": "measure",
            "maps": [one["id"] for one in maps],
            "metrics": [{"name": name, "options": options}],
            "controls": False,
            "box": [4, 6, 20, 24],
        }
    )
    masks = {"masks": [(6, 4, 24, 20)]} if metric.wants.masks else {}
    explanations = [gm.grad_cam(*own, 1), gm.saliency(*own, 1)]
    try:
        expected = [one.mean for one in metric.function(*own, explanations, 1, **masks, **options)]
    except gm.GradCamError:
        expected = [
            metric.function(*own, one, 1, **masks, **options).mean for one in explanations[:1]
        ]
    found = [one["values"][0] for one in result["rows"]]
    for value, wanted in zip(found, expected):
        assert (value is None) if np.isnan(wanted) else value == pytest.approx(wanted, rel=1e-6)
    assert result["metrics"] == [{"name": name, "title": metric.title, "better": metric.better}]


def test_controls_stand_beside_what_is_measured(page, own):
    maps = page.explain("grad_cam")["maps"]
    result = page.done(
        {
            "action": "measure",
            "maps": [maps[0]["id"]],
            "metrics": [{"name": "sparseness"}, {"name": "complexity"}],
            "controls": True,
        }
    )
    controls = [one for one in METHODS.values() if one.family == "controls"]
    assert [one["is_control"] for one in result["rows"]] == [False, *[True] * len(controls)]
    for row, one in zip(result["rows"][1:], controls):
        expected = gm.metrics.sparseness(*own, one.function(*own)).mean
        assert row["values"][0] == pytest.approx(expected)


def test_measures_of_where_the_object_is_need_a_box(still):
    maps = still.explain("grad_cam")["maps"]
    name = next(one.name for one in METRICS.values() if one.wants.masks)
    asked = {"action": "measure", "maps": [maps[0]["id"]], "metrics": [{"name": name}]}
    assert "draw a box" in still.post("api/jobs", asked, 400)["error"]
    for box in ([0, 0, 0, 5], [0, 0, 50, 50], "x", [1, 2, 3], [-1, 0, 4, 4]):
        still.post("api/jobs", {**asked, "box": box}, 400)


def test_maps_of_different_things_are_not_measured_beside_each_other(still):
    maps = still.explain("grad_cam", targets=[{"class": 0}, {"class": 1}])["maps"]
    asked = {
        "action": "measure",
        "maps": [one["id"] for one in maps],
        "metrics": [{"name": "sparseness"}],
    }
    assert "where they have one target" in still.post("api/jobs", asked, 400)["error"]


# -- what there is ---------------------------------------------------------------------------------


def test_layers_are_a_tree_with_parents_first(page, own):
    net = next(iter(page.workspace.nets.values()))
    rows = page.get(f"api/nets/{net.id}/layers")["layers"]
    seen = set()
    for row in rows:
        assert row["parent"] is None or row["parent"] in seen
        seen.add(row["name"])
    table = {one.name: one for one in own[0].layers((1, 3, 32, 32))}
    assert {row["name"] for row in rows if row["can_choose"]} == set(table)
    for row in rows:
        if row["can_choose"]:
            one = table[row["name"]]
            assert (row["op"], row["shape"], row["is_default"]) == (
                one.op,
                list(one.shape),
                one.is_default,
            )
    assert net.told["default_layer"] == next(one.name for one in table.values() if one.is_default)
    for row in rows:
        if row["has_weights"]:
            gm.inspect.weights(own[0], row["name"])


def test_classes_are_completed(still):
    net = next(iter(still.workspace.nets))

    def found(text):
        return [one["class"] for one in still.get(f"api/nets/{net}/classes?q={text}")["classes"]]

    assert found("") == [0, 1, 2]
    assert found("CAT") == [0]
    assert found("do") == [1]
    assert found("2") == [2]
    assert found("nothing") == []
    assert len(still.get(f"api/nets/{net}/classes?limit=1")["classes"]) == 1


def test_every_function_that_looks_inside_gives_something(page):
    """Whatever it gives can be shown, also of functions that are new."""
    ready = {
        "layer": LAYER,
        "layers": LAYER,
        "position": [3, 4],
        "channel": 2,
        "units": [1],
        "target": {"class": 1},
        "k": 2,
        "steps": 2,
    }
    shown = {}
    for form in page.get("api/state")["inspect"]:
        names = [*form["takes"], *(one["name"] for one in form["settings"])]
        asked = {
            "action": "inspect",
            "function": form["name"],
            "nets": [next(iter(page.workspace.nets))],
            "photos": [page.workspace.album.all()[0].id],
            "arguments": {name: ready[name] for name in names if name in ready},
        }
        if form["name"] == "weights":
            asked["arguments"]["layer"] = "second_fwd_output"  # a layer that has some
        result = page.done(asked)
        shown[form["name"]] = result["kind"]
        if result["kind"] not in ("values", "channels"):
            assert pixels_of(page.get(result["picture"])).ndim == 3
    assert shown["concepts"] == "picture"
