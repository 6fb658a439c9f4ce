"""Views for analysts: what they hold, column by column, and their SQL on either database.

They belong to the newest revision and not to any: `farview.store.migrate` takes them down before it changes tables and
puts them up again after it. PostgreSQL keeps the comments as comments, SQLite in the text of the view.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, inspect

from farview.core import columns as c
from farview.store.values import LTV_REVENUE
from farview.store.view import View, ViewColumn
from farview.store.view_ledger import EXPOSURE_LEDGER


def create(connection: Connection) -> None:
    """Makes all views in a database of the newest revision."""
    dialect = connection.dialect.name
    for view in VIEWS:
        connection.exec_driver_sql(
            f"CREATE VIEW {view.name} AS\n{view.select(dialect)}".replace("%", _percent(dialect))
        )
        if dialect == "postgresql":
            connection.exec_driver_sql(f"COMMENT ON VIEW {view.name} IS {_literal(view.about)}")
            for column in view.columns:
                name = f"{view.name}.{column.name}"
                connection.exec_driver_sql(f"COMMENT ON COLUMN {name} IS {_literal(column.about)}")


def drop(connection: Connection) -> None:
    """Takes all views down, if they are there."""
    for view in reversed(VIEWS):
        connection.exec_driver_sql(f"DROP VIEW IF EXISTS {view.name}")


def stand(connection: Connection) -> bool:
    """Whether every view is there."""
    return {view.name for view in VIEWS} <= set(inspect(connection).get_view_names())


def _percent(dialect: str) -> str:
    return "%%" if dialect == "postgresql" else "%"  # psycopg reads a single one as a parameter


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''").replace("%", "%%") + "'"


def _both(sql: str) -> dict[str, str]:
    return {"sqlite": sql, "postgresql": sql}


_VERSION = ViewColumn("model_version", "m.kind || '/' || m.version", 'The model version, "ltv-revenue/3".')
_RUN = (
    ViewColumn("run_id", "r.run_id", "The forecast run, as answers of the API name it."),
    _VERSION,
    ViewColumn("as_of", "r.as_of", "Last day whose events the run saw, business time zone."),
    ViewColumn("known_at", "r.known_at", "The run saw what was known by then, UTC.", instant=True),
    ViewColumn("published_at", "r.published_at", "When the run was published, UTC.", instant=True),
)

SERVED_RUN = View(
    "v_served_run",
    "The forecast run that the server answers from: one row, or none before the first was published.",
    (*_RUN, ViewColumn("horizons_days", "r.horizons_days", "Its horizons in days, a JSON list from short to long.")),
    _both(
        f"""FROM forecast_runs r
JOIN model_versions m ON m.model_version_id = r.model_version_id
LEFT JOIN model_aliases a ON a.kind = m.kind AND a.version = m.version AND a.alias = 'champion'
WHERE r.status = 'published' AND m.kind = '{LTV_REVENUE}'
ORDER BY r.as_of DESC, a.alias IS NULL, r.published_at DESC, r.run_id DESC
LIMIT 1"""
    ),
)
"""As farview.store.runs.latest says."""


def _distribution(name: str, what: str) -> tuple[tuple[str, str], ...]:
    return (
        (f"{name}_p_zero", f"Probability that there are no {what}."),
        (f"{name}_mean", f"Mean of the {what} that will be observed within the horizon."),
        (f"{name}_sd", "Its standard deviation."),
        *_quantiles(name, f"the {what} that will be observed"),
    )


def _quantiles(name: str, of: str) -> tuple[tuple[str, str], ...]:
    levels = zip(c.QUANTILE_SUFFIXES, c.QUANTILE_LEVELS, strict=True)
    return tuple((f"{name}_{suffix}", f"{level:.0%} quantile of {of}.") for suffix, level in levels)


_FIGURES: Sequence[tuple[str, str]] = (
    (c.CUSTOMER_ID, "The customer."),
    (c.COHORT, "The customer's cohort: month of first purchase, business time zone."),
    (c.FIRST_PURCHASE_DATE, "Day of the first purchase, business time zone."),
    (c.HORIZON_DAYS, "Days ahead of as_of that the figures are of."),
    *_distribution(c.PURCHASES, "purchases"),
    *_distribution(c.VALUE, "revenue in the reporting currency"),
    (
        f"{c.EXPECTED_VALUE}_mean",
        "What the customer is worth on average: mean over what is unknown about the customer.",
    ),
    (f"{c.EXPECTED_VALUE}_sd", "Its standard deviation over what is unknown about the customer and the model."),
    *_quantiles(c.EXPECTED_VALUE, "what the customer is worth on average"),
    (c.P_ALIVE, "Probability that the customer is still one; null from models that do not define it."),
    (c.MEDIAN_NEXT_PURCHASE_DATE, "Median day of the next purchase, given one within the longest horizon."),
)
_FORECAST = tuple(ViewColumn(name, f"f.{name}", about) for name, about in _FIGURES)


FORECAST_LATEST = View(
    "v_forecast_latest",
    "Forecasts of the run that is served, a row for each customer and horizon. Quantiles of customers do not add up: "
    "intervals of totals are in v_cohort_value.",
    (
        *_FORECAST,
        ViewColumn("run_id", "f.run_id", "The forecast run, as answers of the API name it."),
        ViewColumn("model_version", f"(SELECT model_version FROM {SERVED_RUN.name})", 'Its model, "ltv-revenue/3".'),
        ViewColumn(
            "as_of", f"(SELECT as_of FROM {SERVED_RUN.name})", "Last day whose events it saw, business time zone."
        ),
    ),
    # Subqueries and no join: the planner takes the run for a constant, and an index gives its rows in order of value.
    _both(f"FROM forecasts f WHERE f.run_id = (SELECT run_id FROM {SERVED_RUN.name})"),
)

FORECAST_HISTORY = View(
    "v_forecast_history",
    "Forecasts of every published run of every kind, a row for each run, customer and horizon. "
    "Ask for a customer or a run.",
    (*_FORECAST, *_RUN),
    _both(
        """FROM forecast_runs r
JOIN model_versions m ON m.model_version_id = r.model_version_id
JOIN forecasts f ON f.run_id = r.run_id
WHERE r.status = 'published'"""
    ),
)

COHORT_VALUE = View(
    "v_cohort_value",
    "What each cohort is worth in the run that is served, and everybody together, a row for each horizon. "
    "The quantiles are of joint draws: they hold for the total.",
    (
        ViewColumn("group_kind", "v.group_kind", '"base" for everybody, "cohort", "segment".'),
        ViewColumn("group_name", "v.group_name", 'Of a cohort its month, "2024-01"; empty for everybody.'),
        ViewColumn("horizon_days", "v.horizon_days", "Days ahead of as_of that the figures are of."),
        ViewColumn("customers", "v.customers", "How many customers there are."),
        ViewColumn("value_mean", "v.mean", "Mean of their revenue together, reporting currency."),
        *(
            ViewColumn(f"{name}", f"v.{name[-3:]}", about)
            for name, about in _quantiles("value", "their revenue together")
        ),
        ViewColumn("value_mean_per_customer", "v.mean / nullif(v.customers, 0)", "The mean divided by the customers."),
        ViewColumn("purchases_mean", "p.mean", "Mean of their purchases together."),
        *(
            ViewColumn(f"{name}", f"p.{name[-3:]}", about)
            for name, about in _quantiles("purchases", "their purchases together")
        ),
        ViewColumn("run_id", "s.run_id", "The forecast run, as answers of the API name it."),
        ViewColumn("model_version", "s.model_version", 'The model version, "ltv-revenue/3".'),
        ViewColumn("as_of", "s.as_of", "Last day whose events the run saw, business time zone."),
    ),
    _both(
        f"""FROM {SERVED_RUN.name} s
JOIN segment_totals v ON v.run_id = s.run_id AND v.measure = 'value'
JOIN segment_totals p ON p.run_id = v.run_id AND p.group_kind = v.group_kind AND p.group_name = v.group_name
    AND p.horizon_days = v.horizon_days AND p.measure = 'purchases'"""
    ),
)

EXPOSURES = View(
    "v_exposures",
    "What was really shown, a row for each place of an answer.",
    (
        ViewColumn("exposure_id", "e.exposure_id", "Number of the row, in the order in which rows were recorded."),
        ViewColumn("exposed_at", "e.time", "When it was shown, UTC.", instant=True),
        ViewColumn("customer_id", "e.customer_id", "To whom; null where nobody said."),
        ViewColumn(
            "cohort",
            "(SELECT f.cohort FROM forecasts f "
            "WHERE f.run_id = e.forecast_run_id AND f.customer_id = e.customer_id LIMIT 1)",
            "The customer's cohort in the run that the answer came from; null where it came from none.",
        ),
        ViewColumn("item_id", "e.item_id", "Which item; null for customers and touches."),
        ViewColumn("place", "e.place", "Place in the answer, from 1; of a plan the position of the touch."),
        ViewColumn("method", "e.method", "PrioritizeCustomers, RankItems or PlanJourney."),
        ViewColumn("answer_id", "e.answer_id", "The answer; its places share it."),
        ViewColumn("run_id", "e.forecast_run_id", "The forecast run that the answer came from, if any."),
        ViewColumn("model_version", "e.model_version", "The model version that the answer came from, if any."),
        ViewColumn("plan_id", "e.plan_id", "The plan that the touch belongs to, if any."),
        ViewColumn("recorded_at", "e.ingested_at", "When it was recorded, UTC.", instant=True),
        ViewColumn("recorded_by", "e.who", "Who recorded it."),
    ),
    _both("FROM exposures e"),
)

MODEL_LINEAGE = View(
    "v_model_lineage",
    "Every registered model version: what it saw, with what it was fitted, what it is now and what it was used for.",
    (
        _VERSION,
        ViewColumn("kind", "m.kind", 'What it forecasts: "ltv-revenue", "journeys".'),
        ViewColumn("version", "m.version", "1, 2, ... within the kind."),
        ViewColumn("model", "m.model", "The model family."),
        ViewColumn(
            "alias",
            "(SELECT a.alias FROM model_aliases a WHERE a.kind = m.kind AND a.version = m.version "
            "ORDER BY a.alias DESC LIMIT 1)",
            "champion, candidate, or null.",
        ),
        ViewColumn(
            "gate_passed",
            "(SELECT g.passed FROM gate_reports g WHERE g.kind = m.kind AND g.version = m.version "
            "ORDER BY g.gate_report_id DESC LIMIT 1)",
            "Whether its last gate report says that it passed; null without one.",
        ),
        ViewColumn("as_of", "m.as_of", "Last day whose events it saw, business time zone."),
        ViewColumn("known_at", "m.known_at", "It saw what was known by then, UTC.", instant=True),
        ViewColumn("created_at", "m.created_at", "When it was registered, UTC.", instant=True),
        ViewColumn("who", "m.who", "Who trained it."),
        ViewColumn("why", "m.why", "Why, in their words."),
        ViewColumn("snapshot_hash", "m.snapshot_hash", "Identity of the rows it saw."),
        ViewColumn("feature_schema_hash", "m.feature_schema_hash", "Identity of the features it was given."),
        ViewColumn("code_version", "m.code_version", "Version of Farview that fitted it."),
        ViewColumn("library_versions", "m.library_versions", "Versions of libraries that can change a figure, JSON."),
        ViewColumn("seed", "m.seed", "Seed of all its randomness."),
        ViewColumn("configuration", "m.configuration", "Everything else that was set, JSON."),
        ViewColumn("metrics", "m.metrics", "Diagnostics and figures of the fit, JSON."),
        ViewColumn("artifact_sha256", "m.artifact_sha256", "Identity of the stored model."),
        ViewColumn("artifact_size_bytes", "b.size_bytes", "Its size."),
        ViewColumn(
            "published_runs",
            "(SELECT count(*) FROM forecast_runs r WHERE r.model_version_id = m.model_version_id "
            "AND r.status = 'published')",
            "How many of its forecast runs are published.",
        ),
        ViewColumn(
            "last_run_as_of",
            "(SELECT max(r.as_of) FROM forecast_runs r WHERE r.model_version_id = m.model_version_id "
            "AND r.status = 'published')",
            "As-of day of the newest of them.",
        ),
    ),
    _both("FROM model_versions m JOIN artifacts b ON b.sha256 = m.artifact_sha256"),
)

VIEWS = (SERVED_RUN, FORECAST_LATEST, FORECAST_HISTORY, COHORT_VALUE, EXPOSURES, EXPOSURE_LEDGER, MODEL_LINEAGE)
"""In an order in which they can be made."""
