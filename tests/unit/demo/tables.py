"""A made-up pilot of three subjects: nobody's data, in the shape of the real tables."""

from deploy.demo.pilot_tables import Row, Tables


def _subject(
    number: str, sex: str, screened: str, randomized: str | None, arm: str, age: float = 70.0
) -> Row:
    return {
        "USUBJID": f"01-{number}",
        "SITEID": number.partition("-")[0],
        "DMDTC": screened,
        "RFSTDTC": randomized,
        "ARMCD": arm,
        "AGE": age,
        "SEX": sex,
    }


def _value(test: str, result: str, unit: str, at: str, visit: float) -> Row:
    return {
        "USUBJID": "01-701-1001",
        "LBTESTCD": test,
        "LBORRES": result,
        "LBORRESU": unit,
        "LBDTC": at,
        "VISITNUM": visit,
    }


def _event(who: str, event: str, number: float, **values: str | None) -> Row:
    flags = ("AESDTH", "AESLIFE", "AESHOSP", "AESDISAB", "AESCONG", "AESCAN", "AESOD")
    return {
        "USUBJID": f"01-{who}",
        "AESPID": event,
        "AESEQ": number,
        "AEDTC": "2012-03-09",
        "AEENDTC": None,
        **dict.fromkeys(flags, "N"),
        **values,
    }


def _disposition(who: str, day: str, decoded: str, term: str) -> Row:
    return {
        "USUBJID": f"01-{who}",
        "DSCAT": "DISPOSITION EVENT",
        "DSSTDTC": day,
        "DSDECOD": decoded,
        "DSTERM": term,
    }


def small() -> Tables:
    """A woman who is randomized, a man whose MMSE is too high, and a screen failure."""
    drawn = ("01-701-1001", "01-702-1002")
    return Tables(
        dm=[
            _subject("701-1001", "F", "2012-02-29", "2012-03-09", "Pbo"),
            _subject("702-1002", "M", "2012-02-29", "2012-03-08", "Xan_Hi"),
            _subject("702-1003", "F", "2012-02-28", None, "Scrnfail"),
        ],
        se=[
            {"USUBJID": f"01-{who}", "ETCD": "SCRN", "SESTDTC": "2012-02-28"}
            for who in ("701-1001", "702-1002", "702-1003")
        ],
        mh=[{"USUBJID": who, "MHCAT": "PRIMARY DIAGNOSIS"} for who in drawn],
        vs=[
            {
                "USUBJID": who,
                "VSTESTCD": "PULSE",
                "VSPOS": position,
                "VISITNUM": 1.0,
                "VSORRES": result,
            }
            for who in drawn
            for position, result in (("SUPINE", "50"), ("STANDING", "120"))
        ],
        qsmm=[
            {"USUBJID": who, "QSSTRESN": points}
            for who, total in zip(drawn, (10.0, 23.0), strict=True)
            for points in (total, 1.0)
        ],
        qshi=[{"USUBJID": who, "QSSTRESN": 4.0} for who in drawn],
        ti=[
            {"IETESTCD": "INCL03", "IECAT": "INCLUSION"},
            {"IETESTCD": "INCL05", "IECAT": "INCLUSION"},
            {"IETESTCD": "EXCL09", "IECAT": "EXCLUSION"},
            {"IETESTCD": "EXCL17", "IECAT": "EXCLUSION"},
        ],
        laboratory=[
            _value("CREAT", "1.10", "mg/dL", "2012-02-29T09:00", 1.0),
            _value("CREAT", "1.2", "mg/dL", "2012-03-05T09:00", 1.1),
            _value("CREAT", "1.3", "mg/dL", "2012-03-09T09:00", 3.0),  # after the first dose
            _value("K", "4.0", "mEq/L", "2012-02-29T09:00", 1.0),
            _value("UREAN", "15", "mg/dL", "2012-02-29T09:00", 1.0),  # no criterion shows it
        ],
        ae=[
            _event(
                "701-1001",
                "E01",
                number,
                AETERM="HEADACHE",
                AESTDTC="2012-02",
                AESEV=severity,
                AEREL=None,
                AEOUT=outcome,
                AEENDTC=end,
            )
            for number, severity, outcome, end in (
                (2.0, "SEVERE", "RECOVERED/RESOLVED", "2012-03-09"),
                (1.0, "MILD", "NOT RECOVERED/NOT RESOLVED", "2012-03-20"),
            )
        ]
        + [
            _event(
                "702-1002",
                "E01",
                1.0,
                AETERM="MYOCARDIAL INFARCTION",
                AESTDTC="2012-03-09",
                AESEV="SEVERE",
                AEREL="POSSIBLE",
                AEOUT="FATAL",
                AESDTH="Y",
                AESHOSP="Y",
            )
        ],
        ds=[
            _disposition("702-1003", "2012-02-28", "SCREEN FAILURE", "SCREEN FAILURE"),
            _disposition("702-1002", "2012-04-01", "DEATH", "DEATH"),
            _disposition("701-1001", "2012-03-09", "WITHDRAWAL BY SUBJECT", "WITHDREW CONSENT"),
            {
                **_disposition("701-1001", "2012-03-09", "FINAL LAB VISIT", ""),
                "DSCAT": "OTHER EVENT",
            },
        ],
        relrec=[
            {"USUBJID": "01-701-1001", "RELID": "01-701-1001-E01"},
            {"USUBJID": "01-702-1002", "RELID": "01-702-1002-E01"},
            {"USUBJID": "01-702-1002", "RELID": None},
        ],
    )
