"""Quantizes an ONNX model to dynamic INT8 as the documentation of onnxruntime advises: quantize.py IN.onnx OUT.onnx"""
import os
import sys
import tempfile

from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.shape_inference import quant_pre_process

source, target = sys.argv[1:]
with tempfile.TemporaryDirectory(dir=os.path.dirname(target)) as folder:
    simplified = os.path.join(folder, "simplified.onnx")
    quant_pre_process(source, simplified, skip_symbolic_shape=True)
    quantize_dynamic(simplified, target, weight_type=QuantType.QInt8, op_types_to_quantize=["MatMul", "Gemm"])
