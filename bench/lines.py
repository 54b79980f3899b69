"""Screening forms as a registry would send them: lines that differ, the same ones for everybody."""

import json
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any

FORM: dict[str, Any] = json.loads(Path(__file__).with_name("form.json").read_text())
_OPTIONAL = ("brain_metastases", "steroids", "labs_date", "creatinine", "alp", "nyha_class", "sex")


def forms(count: int) -> list[dict[str, Any]]:
    """Whole forms for the most part; one in ten has another unit, one in ten leaves a field out."""
    random = Random(7)  # noqa: S311 - the same forms each time, no secret
    return [_form(random) for _ in range(count)]


def lines(count: int) -> list[bytes]:
    """The forms, each as a line of a batch."""
    return [
        json.dumps({"subject": f"IT{1 + n % 20:03}-{n // 20:06}", "form": form}).encode()
        for n, form in enumerate(forms(count))
    ]


def _form(random: Random) -> dict[str, Any]:
    form = deepcopy(FORM)
    form["age"] = random.randint(16, 90)
    form["sex"] = random.choice(["male", "female"])
    form["ecog"] = random.choice([0, 0, 1, 1, 2])
    form["childbearing_potential"] = form["pregnant"] = form["breastfeeding"] = False
    form["soc_start_date"] = f"2025-{random.randint(1, 12):02}-{random.randint(1, 28):02}"
    form["labs_date"] = f"2026-03-{random.randint(20, 31)}"
    form["last_major_surgery_date"] = random.choice(["none", "2026-01-15", "2026-02-10"])
    form["primary_tumour_size"]["value"] = random.randint(10, 90) / 10
    form["weight"]["value"] = random.randint(400, 1200) / 10
    form["creatinine"]["value"] = random.randint(5, 30) / 10
    form["alt"]["value"] = random.randint(10, 150)
    form["haemoglobin"]["value"] = random.randint(70, 160) / 10
    if random.random() < 0.05:
        form["creatinine"] = {"value": random.randint(50, 250), "unit": "umol/L"}
    if random.random() < 0.05:
        form["primary_tumour_size"] = {"value": random.randint(10, 90), "unit": "mm"}
    if random.random() < 0.1:
        form["discontinued_agents"] = [random.choice(["ipilimumab", "cabozantinib"])]
    if random.random() < 0.1:
        form["other_cancers"] = [
            {"kind": "non_melanoma_skin", "last_active": "2024-05-02", "curatively_treated": True}
        ]
    if random.random() < 0.1:
        del form[random.choice(_OPTIONAL)]
    return form
