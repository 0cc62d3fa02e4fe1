"""What a Keras file may name: the layers and helpers that only compute, none that load or call."""

from __future__ import annotations

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LAYERS = _words(
    """
    Activation ActivityRegularization Add AdditiveAttention AlphaDropout Attention Average
    AveragePooling1D AveragePooling2D AveragePooling3D BatchNormalization Bidirectional
    CategoryEncoding CenterCrop Concatenate Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D
    Conv3DTranspose Cropping1D Cropping2D Cropping3D Dense DepthwiseConv1D DepthwiseConv2D
    Discretization Dot Dropout EinsumDense ELU Embedding Flatten GaussianDropout GaussianNoise
    GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D GlobalMaxPooling1D
    GlobalMaxPooling2D GlobalMaxPooling3D GroupNormalization GRU GRUCell HashedCrossing Hashing
    Identity InputLayer IntegerLookup LayerNormalization LeakyReLU LSTM LSTMCell Masking Maximum
    MaxPooling1D MaxPooling2D MaxPooling3D Minimum MultiHeadAttention Multiply Normalization
    Permute PReLU RandomBrightness RandomContrast RandomCrop RandomFlip RandomRotation
    RandomTranslation RandomZoom ReLU RepeatVector Rescaling Reshape Resizing RMSNormalization RNN
    SeparableConv1D SeparableConv2D SimpleRNN SimpleRNNCell Softmax SpatialDropout1D
    SpatialDropout2D SpatialDropout3D SpectralNormalization StackedRNNCells StringLookup Subtract
    TextVectorization TimeDistributed UnitNormalization UpSampling1D UpSampling2D UpSampling3D
    ZeroPadding1D ZeroPadding2D ZeroPadding3D
    """
)
MODELS = _words("Functional Model Sequential")
INITIALIZERS = _words(
    """
    Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity IdentityInitializer LecunNormal
    LecunUniform Ones Orthogonal OrthogonalInitializer RandomNormal RandomUniform TruncatedNormal
    VarianceScaling Zeros
    """
)
REGULARIZERS = _words("L1 L1L2 L2 OrthogonalRegularizer")
CONSTRAINTS = _words("MaxNorm MinMaxNorm NonNeg UnitNorm")
POLICIES = _words("DTypePolicy FloatDTypePolicy Policy")
OPERATIONS = _words(
    """
    Abs Absolute Add Amax Amin Any All Arctan Arctan2 Average BroadcastTo Cast Ceil Clip Concatenate
    Cos Divide DivideNoNan Einsum Equal Exp ExpandDims Expm1 Flatten Floor FloorDivide GetItem
    Greater GreaterEqual Less LessEqual Log Log10 Log1p LogSoftmax LogicalAnd LogicalNot LogicalOr
    Matmul Max Maximum Mean Min Minimum Mod Multiply Negative NotEqual OneHot Power Prod Relu
    Reshape Round Rsqrt Selu Sigmoid Sign Silu Sin Softmax Softplus Sqrt Square Squeeze Stack Std
    Subtract Sum Swapaxes Tan Tanh Tile Transpose TrueDivide Var Where
    """
)

_ANY = LAYERS | MODELS | INITIALIZERS | REGULARIZERS | CONSTRAINTS | POLICIES
_BY_MODULE = (
    (re.compile(r"keras\.layers|keras\.src\.layers(\.[a-z0-9_]+)+"), LAYERS),
    (re.compile(r"keras(\.models)?|keras\.src(\.[a-z0-9_]+)*\.(functional|sequential|model)"),
     MODELS | POLICIES),
    (re.compile(r"keras\.initializers|keras\.src\.initializers(\.[a-z0-9_]+)*"), INITIALIZERS),
    (re.compile(r"keras\.regularizers|keras\.src\.regularizers(\.[a-z0-9_]+)*"), REGULARIZERS),
    (re.compile(r"keras\.constraints|keras\.src\.constraints(\.[a-z0-9_]+)*"), CONSTRAINTS),
    (re.compile(r"keras(\.src)?\.dtype_policies(\.[a-z0-9_]+)*|keras\.mixed_precision"), POLICIES),
    (re.compile(r"keras(\.src)?\.ops(\.[a-z0-9_]+)*"), OPERATIONS),
)  # fmt: skip


def is_known(module: str | None, name: str) -> bool:
    """True for a class that computes and nothing else; legacy files name no module."""
    if module is None:
        return name in _ANY
    return any(where.fullmatch(module) and name in names for where, names in _BY_MODULE)
