"""The operators that MXNet 1.9.1 gives no gradient through, though their values change with what
they read: it is zeros, or an error (each measured). They are rows of the table of operators.
"""

WITHOUT_GRADIENT = (
    # they count, choose or sort
    "argmax argmin argsort "
    "_npi_argmax _npi_argmin _npi_unique _contrib_bipartite_matching "
    # they have a derivative, but MXNet's backward pass gives zeros
    "_contrib_box_decode _contrib_box_iou _contrib_MultiBoxTarget "
    "_npi_std _npi_var _npi_percentile _npi_eigh _npi_eigvalsh _npi_pinv_scalar_rcond "
    "_np_atleast_1d _np_atleast_2d _np_atleast_3d _npi_where_rscalar"
)
OF_SHAPES = "shape_array size_array _contrib_arange_like"
"""Those whose values depend on the shape of what they read, and on none of its numbers."""
WITHOUT_ANY = "argmax_channel _contrib_RROIAlign _image_resize"
"""Those that end in an error: MXNet compiles nothing that has them in it, forward neither."""
STEPS = (
    # element by element
    "sign round rint ceil floor trunc fix "
    "_npi_around _npi_ceil _npi_floor _npi_fix _npi_rint _npi_sign _npi_trunc "
    "_equal_scalar _greater_scalar _greater_equal_scalar "
    "_not_equal_scalar _lesser_scalar _lesser_equal_scalar "
    "broadcast_equal broadcast_greater broadcast_greater_equal "
    "broadcast_not_equal broadcast_lesser broadcast_lesser_equal"
)
