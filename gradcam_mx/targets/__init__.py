"""What is explained: ready-made targets, each a scalar of the net's output for each sample."""

from .ready import (
    OF_LAYERS,
    Binary,
    Channel,
    ClassIds,
    ClassScore,
    CosineSimilarity,
    Detection,
    MultiLabel,
    Probability,
    Regression,
    ScoreDifference,
    Segmentation,
    Several,
    Top,
    Unit,
    check_has_classes,
    checked,
    each,
    is_id,
)

__all__ = ["Binary", "Channel", "ClassIds", "ClassScore", "CosineSimilarity", "Detection",
           "MultiLabel", "OF_LAYERS", "Probability", "Regression", "ScoreDifference",
           "Segmentation", "Several", "Top", "Unit", "check_has_classes", "checked", "each",
           "is_id"]
