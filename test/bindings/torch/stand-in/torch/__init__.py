"""As much of PyTorch as the generated files use, with tensors in the memory of the emulated device."""
import ctypes
import math
import os
import types

import numpy

_library = ctypes.CDLL(os.environ["ATTNC_CUDA_DRIVER"], mode=ctypes.RTLD_GLOBAL)


class dtype:
    def __init__(self, name, numbers):
        self.name, self.numbers = name, numpy.dtype(numbers)

    def __repr__(self):
        return f"torch.{self.name}"


float32 = dtype("float32", numpy.float32)
float16 = dtype("float16", numpy.float16)
# As its bits: numpy has no such type.
bfloat16 = dtype("bfloat16", numpy.uint16)
int32 = dtype("int32", numpy.int32)
int64 = dtype("int64", numpy.int64)
uint8 = dtype("uint8", numpy.uint8)
_of_numpy = {each.numbers: each for each in (float32, float16, int32, int64, uint8)}


class device:
    def __init__(self, name):
        self.type, _, number = str(name).partition(":")
        self.index = int(number or 0)

    def __eq__(self, other):
        return str(self) == str(other)

    def __hash__(self):
        return hash(str(self))

    def __repr__(self):
        return self.type if self.type == "cpu" else f"{self.type}:{self.index}"


class Tensor:
    def __init__(self, pointer, shape, strides, kind, where, owner=None):
        self._pointer, self.shape, self._strides, self.dtype, self.device = pointer, tuple(shape), tuple(strides), kind, where
        self._owner = owner

    def dim(self):
        return len(self.shape)

    def stride(self, axis):
        return self._strides[axis]

    def numel(self):
        return math.prod(self.shape)

    def data_ptr(self):
        return self._pointer

    def transpose(self, a, b):
        def swapped(items):
            items = list(items)
            items[a], items[b] = items[b], items[a]
            return items

        return Tensor(self._pointer, swapped(self.shape), swapped(self._strides), self.dtype, self.device, self)

    def to(self, where):
        moved = from_numpy(self.numpy())
        moved.device = device(where)
        return moved

    def numpy(self):
        bytes_ = ctypes.string_at(self._pointer, self.numel() * self.dtype.numbers.itemsize) if self.numel() else b""
        return numpy.frombuffer(bytes_, self.dtype.numbers).reshape(self.shape).copy()


def empty(shape, dtype=float32, device="cuda:0"):
    strides = [math.prod(shape[i + 1 :]) for i in range(len(shape))]
    pointer = ctypes.c_void_p()
    assert _library.cudaMalloc(ctypes.byref(pointer), ctypes.c_size_t(max(1, math.prod(shape) * dtype.numbers.itemsize))) == 0
    return Tensor(pointer.value, shape, strides, dtype, _device(device))


def _device(name):
    return name if isinstance(name, device) else device(name)


def from_numpy(array, where="cuda:0"):
    array = numpy.ascontiguousarray(array)
    made = empty(array.shape, _of_numpy[array.dtype], where)
    ctypes.memmove(made._pointer, array.ctypes.data, array.nbytes)
    return made


def tensor(data, dtype=float32):
    return from_numpy(numpy.array(data, dtype.numbers), "cpu")


class _Namespace:
    pass


ops = types.SimpleNamespace(attnc=_Namespace())


class _Operator:
    def __init__(self, function):
        self.function = function

    def register_fake(self, function):
        self.fake = function
        return function

    def register_autograd(self, backward):
        self.backward = backward


def _custom_op(name, *, mutates_args, schema):
    def register(function):
        setattr(ops.attnc, name.removeprefix("attnc::"), function)
        return _Operator(function)

    return register


library = types.SimpleNamespace(custom_op=_custom_op)


class _Device:
    """torch.cuda.device: makes a device the present one."""

    def __init__(self, where):
        self.where = where

    def __enter__(self):
        return self

    def __exit__(self, *problem):
        return None


cuda = types.SimpleNamespace(
    device=_Device,
    get_device_capability=lambda where: divmod(int(os.environ.get("ATTNC_EMULATION_CAPABILITY", "90")), 10),
    current_stream=lambda where: types.SimpleNamespace(cuda_stream=0),
)
