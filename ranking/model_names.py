"""What learned models of items are called. Nothing heavy is imported here: whoever checks a name needs no trees."""

LAMBDAMART = "lambdamart"
LAMBDAMART_DEBIASED = "lambdamart_debiased"
GRADE_REGRESSION = "grade_regression"
PURCHASE_CLASSIFIER = "purchase_classifier"
PURCHASE_CLASSIFIER_BY_PRICE = "purchase_classifier_by_price"
POOL = "pool"
BEST_FEATURE = "best_feature"
RANDOM_ORDER = "random_order"

RANKERS = (
    LAMBDAMART,
    LAMBDAMART_DEBIASED,
    GRADE_REGRESSION,
    PURCHASE_CLASSIFIER,
    PURCHASE_CLASSIFIER_BY_PRICE,
    POOL,
    BEST_FEATURE,
)
"""What may order items."""

POPULARITY = "popularity"
ITEM_KNN = "item_knn"
LAST_CATEGORY = "last_category"
SEQUENCE = "gru4rec"

NEXT_ITEM_MODELS = (POPULARITY, ITEM_KNN, LAST_CATEGORY, SEQUENCE)
"""What may find items."""
