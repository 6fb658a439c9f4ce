"""Names of columns, once, for tables, Arrow batches, filters and files."""

CUSTOMER_ID = "customer_id"
TIME = "time"
AMOUNT = "amount"
INTERACTION = "interaction"
CHANNEL = "channel"
CONVERSION_VALUE = "conversion_value"
PROPENSITY = "propensity"
ITEM_ID = "item_id"
COHORT = "cohort"
FIRST_PURCHASE_DATE = "first_purchase_date"

# RFM: what buy-till-you-die models see of a customer
FREQUENCY = "frequency"
RECENCY_DAYS = "recency_days"
AGE_DAYS = "age_days"
REPEAT_SPEND_MEAN = "repeat_spend_mean"
FIRST_SPEND = "first_spend"

HORIZON_DAYS = "horizon_days"
P_ALIVE = "p_alive"
MEDIAN_NEXT_PURCHASE_DATE = "median_next_purchase_date"

# (a) predictive distribution of what will be observed
PURCHASES = "purchases"
VALUE = "value"
# (b) the customer's own expected value
EXPECTED_VALUE = "expected_value"

QUANTILE_SUFFIXES = ("q05", "q10", "q50", "q90", "q95")
QUANTILE_LEVELS = (0.05, 0.10, 0.50, 0.90, 0.95)
