"""NCT06903312's criteria in plain Python, from the protocol's words and apart from the engine."""

from fractions import Fraction

from tests.unit.screening.byhand.completing import TODAY, Criterion, says
from tests.unit.screening.byhand.nct_statements import (
    CLEARANCE,
    DISCONTINUED,
    EVERY_REGIMEN,
    REGIMENS,
    RHYTHM,
)
from tests.unit.screening.byhand.other_cancers import OTHER_CANCERS
from tests.unit.screening.byhand.statements import (
    DAY,
    Reach,
    days,
    flag,
    less,
    measured,
    months,
    multiple,
    part,
    whole,
    window,
    word,
)

CONSENT, START, NONE = "informed_consent_date", "planned_treatment_start", "none"
FEMALE = word("sex", "female", among=("female", "male"))


def _less_than_months(count: int) -> Reach:
    """The first day that is less than so many months before."""
    return lambda day: less(day, count) + DAY


def _longer_than_months(count: int) -> Reach:
    """The last day that is more than so many months before."""
    return lambda day: less(day, count) - DAY


def _raised(low: bool, liver: bool, high: bool) -> bool:
    """A limit that the liver's involvement raises."""
    return low or (liver and high)


LIVER = flag("liver_involvement")

CRITERIA: dict[str, Criterion] = {
    "I01": says(flag("consent_signed"), window(CONSENT, TODAY, None, days(0))),
    "I02": says(whole("age", lambda age: age >= 18, 17, 18)),
    "I03": says(word("histology", "clear_cell", among=("clear_cell", "other"))),
    "I04": says(flag("primary_tumour_present")),
    "I05": says(
        word(
            "metastatic_disease",
            "measurable",
            "non_measurable",
            among=("measurable", "non_measurable", NONE),
        )
    ),
    "I06": says(whole("ecog", lambda ecog: ecog <= 1, 1, 2)),
    "I07": says(measured("life_expectancy", lambda months: months >= 9, "9")),
    "I08": Criterion(
        lambda regimen, in_time, progress: regimen and in_time and not progress,
        (
            word("soc_regimen", *REGIMENS, among=EVERY_REGIMEN),
            window("soc_start_date", CONSENT, days(364), days(168)),
            flag("progressive_disease"),
        ),
    ),
    "I09": says(flag("can_continue_soc")),
    "I10": Criterion(
        lambda agreed, female, potential: agreed or (female and not potential),
        (flag("contraception_agreed"), FEMALE, flag("childbearing_potential")),
    ),
    "I11.1": says(measured("creatinine", lambda value: value < Fraction(5, 2), "2.5"), CLEARANCE),
    "I11.2": says(multiple("bilirubin", "1.5", "mg/dL")),
    "I11.3": Criterion(
        lambda *of: _raised(*of[:3]) and _raised(*of[3:]),
        (
            multiple("alt", "2", "U/L"),
            LIVER,
            multiple("alt", "5", "U/L"),
            multiple("ast", "2", "U/L"),
            LIVER,
            multiple("ast", "5", "U/L"),
        ),
    ),
    "I11.4": Criterion(
        lambda inr, ptt, treated, abnormal: (inr and ptt) or (treated and not abnormal),
        (
            multiple("inr", "1.5", "1"),
            multiple("ptt", "1.5", "s"),
            flag("on_anticoagulant"),
            flag("coagulation_abnormality"),
        ),
    ),
    "I11.5": says(
        measured("platelets", lambda count: count >= 100_000, "100000"),
        measured("haemoglobin", lambda value: value > 9, "9"),
        measured("neutrophils", lambda count: count > 1500, "1500"),
    ),
    "I11.6": Criterion(
        _raised, (multiple("alp", "2.5", "U/L"), LIVER, multiple("alp", "5", "U/L"))
    ),
    "I11.7": says(window("labs_date", START, days(7), days(0))),
    "E01": says(whole("prior_treatments", lambda count: count > 1, 1, 2)),
    "E02": says(flag("solitary_kidney")),
    "E03": says(flag("local_therapy_contraindicated")),
    "E04": says(DISCONTINUED),
    "E05": says(OTHER_CANCERS),
    "E06": says(window("last_major_surgery_date", CONSENT, days(28), days(0), NONE)),
    "E07": Criterion(
        lambda female, pregnant, feeding, potential, negative, in_time: (
            female and (pregnant or feeding or (potential and not (negative and in_time)))
        ),
        (
            FEMALE,
            flag("pregnant"),
            flag("breastfeeding"),
            flag("childbearing_potential"),
            word("pregnancy_test_result", "negative", among=("negative", "positive")),
            window("pregnancy_test_date", START, days(7), days(0)),
        ),
    ),
    "E08.1": says(whole("nyha_class", lambda nyha: nyha >= 3, 2, 3)),
    "E08.2": Criterion(
        lambda *any_of: any(any_of),
        (
            flag("unstable_angina"),
            window("angina_onset_date", START, months(3), days(0), NONE),
            window("myocardial_infarction_date", START, _less_than_months(6), days(0), NONE),
        ),
    ),
    "E08.3": says(RHYTHM),
    "E08.4": Criterion(
        lambda systolic, diastolic: systolic or diastolic,
        (
            part("blood_pressure", "systolic", "diastolic", lambda mmhg: mmhg > 150, 150),
            part("blood_pressure", "diastolic", "systolic", lambda mmhg: mmhg > 90, 90),
        ),
    ),
    "E08.5": says(window("thromboembolic_event_date", START, months(4), days(0), NONE)),
    "E09": says(whole("infection_grade", lambda grade: grade > 2, 2, 3)),
    "E10": Criterion(
        lambda *any_of: any(any_of),
        (flag("hiv"), flag("chronic_hepatitis_b"), flag("chronic_hepatitis_c")),
    ),
    "E11": says(flag("autoimmune_contraindication")),
    "E12": says(flag("seizure_disorder_on_medication")),
    "E13": Criterion(
        lambda symptomatic, treated, clear, stable, steroids: (
            symptomatic and not (treated and clear and stable and steroids)
        ),
        (
            word("brain_metastases", "symptomatic", among=(NONE, "asymptomatic", "symptomatic")),
            window("brain_definitive_therapy_date", CONSENT, None, _longer_than_months(2)),
            window("brain_negative_imaging_date", CONSENT, days(28), days(0)),
            flag("brain_clinically_stable"),
            word(
                "steroids",
                NONE,
                "chronic_stable",
                among=(NONE, "acute", "tapering", "chronic_stable", "chronic_unstable"),
            ),
        ),
    ),
    "E14": says(flag("organ_allograft")),
    "E15": Criterion(
        lambda diathesis, bled: diathesis or bled,
        (
            flag("bleeding_diathesis"),
            window("last_severe_bleed_date", START, days(28), days(0), NONE),
        ),
    ),
    "E16": says(flag("non_healing_wound")),
    "E17": says(flag("dialysis")),
    "E18": says(flag("unstable_condition")),
}

#: The stratum's one statement: up to 4 cm or above.
SMALL = says(measured("primary_tumour_size", lambda size: size <= 4, "4"))
