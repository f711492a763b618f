# SPDX-License-Identifier: MIT
"""What check.py needs of the library, by ctypes: mappings, batches, snapshots, streams."""

import ctypes
from ctypes import POINTER, byref, c_char_p, c_int, c_int64, c_size_t, c_void_p


class ArrowSchema(ctypes.Structure):
    _fields_ = [("format", c_char_p), ("name", c_char_p), ("metadata", c_void_p),
                ("flags", c_int64), ("n_children", c_int64), ("children", c_void_p),
                ("dictionary", c_void_p), ("release", c_void_p), ("private_data", c_void_p)]


class ArrowArray(ctypes.Structure):
    _fields_ = [("length", c_int64), ("null_count", c_int64), ("offset", c_int64),
                ("n_buffers", c_int64), ("n_children", c_int64), ("buffers", c_void_p),
                ("children", c_void_p), ("dictionary", c_void_p), ("release", c_void_p),
                ("private_data", c_void_p)]


class ArrowArrayStream(ctypes.Structure):
    _fields_ = [("get_schema", ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p)),
                ("get_next", ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p)),
                ("get_last_error", ctypes.CFUNCTYPE(c_char_p, c_void_p)),
                ("release", c_void_p), ("private_data", c_void_p)]


class Error(ctypes.Structure):
    _fields_ = [("status", c_int), ("message", ctypes.c_char * 252)]


class Columns(ctypes.Structure):
    _fields_ = [("key_names", POINTER(c_char_p)), ("key_indexes", c_void_p),
                ("key_count", c_size_t), ("key_orders", c_void_p),
                ("weight_names", POINTER(c_char_p)), ("weight_count", c_size_t),
                ("time_name", c_char_p), ("time", c_int)]


class SpineError(Exception):
    pass


def release(structure):
    """As a consumer does, once."""
    if structure.release:
        ctypes.CFUNCTYPE(None, c_void_p)(structure.release)(ctypes.addressof(structure))
    assert not structure.release


def names(texts):
    return (c_char_p * max(len(texts), 1))(*[text.encode() for text in texts])


def capsule_pointer(capsule, name):
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = c_void_p, [ctypes.py_object, c_char_p]
    return get(capsule, name)


class Stream:
    """A stream that whoever knows the PyCapsule protocol of Arrow can take."""

    def __init__(self, spine, structure):
        self.spine, self.structure = spine, structure

    def address(self):
        return ctypes.addressof(self.structure)

    def __arrow_c_stream__(self, requested_schema=None):
        new = ctypes.pythonapi.PyCapsule_New
        new.restype, new.argtypes = ctypes.py_object, [c_void_p, c_char_p, c_void_p]
        return new(self.address(), b"arrow_array_stream", None)


class Spine:
    def __init__(self, path):
        self.library = ctypes.CDLL(path)
        self.library.spine_arrow_mapping_schema.restype = c_void_p
        self.library.spine_allocated_bytes.restype = c_size_t

    def call(self, name, *arguments):
        error = Error()
        if getattr(self.library, name)(*arguments, byref(error)) != 0:
            raise SpineError(error.message.decode())

    def allocated(self):
        return self.library.spine_allocated_bytes()

    def mapping(self, schema_address, keys=(), weights=(), time=None):
        columns = Columns(key_names=names(keys), key_count=len(keys),
                          weight_names=names(weights), weight_count=len(weights),
                          time_name=time.encode() if time else None)
        out = c_void_p()
        self.call("spine_arrow_mapping_new", c_void_p(schema_address), byref(columns), byref(out))
        return out

    def mapping_free(self, mapping):
        self.library.spine_arrow_mapping_free(mapping)

    def schema(self, mapping):
        out = ArrowSchema()
        self.call("spine_arrow_schema", mapping, byref(out))
        return out

    def batch(self, mapping, array_address):
        out = c_void_p()
        self.call("spine_batch_from_arrow", mapping, c_void_p(array_address), byref(out))
        return out

    def snapshot(self, mapping, batches):
        """Takes the batches."""
        out = c_void_p()
        schema = c_void_p(self.library.spine_arrow_mapping_schema(mapping))
        array = (c_void_p * max(len(batches), 1))(*batches)
        self.call("spine_snapshot_of_batches", schema, array, c_size_t(len(batches)), byref(out))
        for batch in batches:
            self.library.spine_batch_unref(batch)
        return out

    def snapshot_free(self, snapshot):
        self.library.spine_snapshot_unref(snapshot)

    def stream(self, snapshot, mapping):
        out = ArrowArrayStream()
        self.call("spine_snapshot_to_arrow", snapshot, mapping, byref(out))
        return Stream(self, out)

    def probe(self, snapshot, mapping, keys_address):
        out = ArrowArrayStream()
        self.call("spine_snapshot_probe_to_arrow", snapshot, mapping, c_void_p(keys_address),
                  None, byref(out))
        return Stream(self, out)
