"""The form of NCT06903312 as one would declare it by hand: a pydantic model, a field a line."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, Strict

Day = Annotated[date, Strict(False)]
DayOrNone = Day | Literal["none"]
Number = Annotated[Decimal, Field(ge=0, le=10**15), Strict(False)]
Positive = Annotated[Decimal, Field(gt=0, le=10**15), Strict(False)]
Count = Annotated[int, Field(ge=0, le=10**15)]
Grade = Annotated[int, Field(ge=0, le=5)]
Name = Annotated[str, Field(pattern=r"^[^A-Z\s]+( [^A-Z\s]+)*$")]


class Part(BaseModel):
    """What every part of the form keeps to."""

    model_config = ConfigDict(strict=True, extra="forbid")


class Quantity(Part):
    """A value with its unit."""

    value: Number
    unit: str


class AboveZero(Part):
    """A value above 0 with its unit."""

    value: Positive
    unit: str


class Measured(Part):
    """A value with its unit and the laboratory's upper limit of normal."""

    value: Number
    unit: str
    uln: Positive


class Pressure(Part):
    """A blood pressure in mm Hg."""

    systolic: Number
    diastolic: Number


class Cancer(Part):
    """Another cancer; active still where `last_active` is given as null."""

    kind: (
        Literal[
            "cervical_in_situ",
            "non_melanoma_skin",
            "prostate_pt2",
            "bladder_non_muscle_invasive",
            "other",
        ]
        | None
    ) = None
    last_active: Day | None = None
    curatively_treated: bool | None = None
    psa: Quantity | None = None


class Form(Part):
    """The whole form; a field left out is unknown."""

    informed_consent_date: Day | None = None
    consent_signed: bool | None = None
    planned_treatment_start: Day | None = None
    age: Count | None = None
    sex: Literal["female", "male"] | None = None
    childbearing_potential: bool | None = None
    contraception_agreed: bool | None = None
    histology: Literal["clear_cell", "other"] | None = None
    primary_tumour_present: bool | None = None
    primary_tumour_size: AboveZero | None = None
    metastatic_disease: Literal["measurable", "non_measurable", "none"] | None = None
    ecog: Grade | None = None
    life_expectancy: Quantity | None = None
    soc_regimen: (
        Literal[
            "axitinib_pembrolizumab",
            "cabozantinib_nivolumab",
            "lenvatinib_pembrolizumab",
            "nivolumab_after_ipilimumab_nivolumab",
            "other",
        ]
        | None
    ) = None
    soc_start_date: Day | None = None
    progressive_disease: bool | None = None
    can_continue_soc: bool | None = None
    liver_involvement: bool | None = None
    labs_date: Day | None = None
    weight: AboveZero | None = None
    creatinine: AboveZero | None = None
    bilirubin: Measured | None = None
    alt: Measured | None = None
    ast: Measured | None = None
    alp: Measured | None = None
    inr: Measured | None = None
    ptt: Measured | None = None
    on_anticoagulant: bool | None = None
    coagulation_abnormality: bool | None = None
    platelets: Quantity | None = None
    haemoglobin: Quantity | None = None
    neutrophils: Quantity | None = None
    prior_treatments: Count | None = None
    solitary_kidney: bool | None = None
    local_therapy_contraindicated: bool | None = None
    discontinued_agents: list[Name] | None = None
    other_cancers: list[Cancer] | None = None
    last_major_surgery_date: DayOrNone | None = None
    pregnant: bool | None = None
    breastfeeding: bool | None = None
    pregnancy_test_date: Day | None = None
    pregnancy_test_result: Literal["negative", "positive"] | None = None
    nyha_class: Annotated[int, Field(ge=0, le=4)] | None = None
    unstable_angina: bool | None = None
    angina_onset_date: DayOrNone | None = None
    myocardial_infarction_date: DayOrNone | None = None
    antiarrhythmics: list[Name] | None = None
    blood_pressure: Pressure | None = None
    thromboembolic_event_date: DayOrNone | None = None
    infection_grade: Grade | None = None
    hiv: bool | None = None
    chronic_hepatitis_b: bool | None = None
    chronic_hepatitis_c: bool | None = None
    autoimmune_contraindication: bool | None = None
    seizure_disorder_on_medication: bool | None = None
    brain_metastases: Literal["none", "asymptomatic", "symptomatic"] | None = None
    brain_definitive_therapy_date: Day | None = None
    brain_negative_imaging_date: Day | None = None
    brain_clinically_stable: bool | None = None
    steroids: Literal["none", "acute", "tapering", "chronic_stable", "chronic_unstable"] | None = (
        None
    )
    organ_allograft: bool | None = None
    bleeding_diathesis: bool | None = None
    non_healing_wound: bool | None = None
    dialysis: bool | None = None
    unstable_condition: bool | None = None
    last_severe_bleed_date: DayOrNone | None = None


class Line(Part):
    """One line: a subject and its form."""

    subject: Annotated[str, Field(pattern=r"^[A-Z0-9]{2,8}-[0-9]{3,6}$")]
    form: Form
