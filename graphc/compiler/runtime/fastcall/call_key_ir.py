"""How machine code describes a call with arrays, and finds the record of one that was met before, as LLVM IR.

The key of a call is a row of words: how many arrays are given as `out`; for each argument that it is a number, or its dimensions,
lengths and strides; for each array of `out` these and which inputs are the very same memory. `call_site_cache.py` writes the
same words.
"""

from __future__ import annotations

from graphc.compiler.engine.numpy_layout import (
    DATA,
    DTYPE,
    FLAGS,
    NDIM,
    SHAPE,
    STRIDES,
)
from graphc.compiler.runtime.fastcall.struct_ir import (
    OPERAND,
    OPERAND_TABLE,
    PLANS,
    field,
    word,
)

MAX_KEY = 256
"""Words of a key; calls with more dimensions than fit go the Python path."""

PLACES = 64
"""Records of one function; a new one takes the place of an old one of the same hash."""

FACTOR = 0x9E3779B97F4A7C15
"""2⁶⁴ divided by the golden ratio: multiplication spreads a word over the hash."""

_NEGATIVE = FACTOR - (1 << 64)

NUMBER = -1
"""Stands for a number in a key, where an array has its number of dimensions."""

KEYS = f"""
; Describe an array in the key: dimensions, lengths, strides. Returns the words used then; −1 where it is not of the dtype,
; lacks a flag, is empty or does not fit. Its bounds in memory go to two words.
define internal i64 @measured(ptr %table, ptr %object, i64 %operand, i32 %needed, ptr %key, i64 %used, ptr %bounds, ptr %data) {{
entry:
  %words = mul i64 %operand, {OPERAND}
  %operands = getelementptr i64, ptr %table, i64 {OPERAND_TABLE}
  %dtype_at = getelementptr i64, ptr %operands, i64 %words
  %wanted = load ptr, ptr %dtype_at
{field("descr", "%object", DTYPE, "ptr")}
  %typed = icmp eq ptr %descr, %wanted
{field("flags", "%object", FLAGS, "i32")}
  %have = and i32 %flags, %needed
  %good = icmp eq i32 %have, %needed
{field("ndim", "%object", NDIM, "i32")}
  %rank = sext i32 %ndim to i64
  %twice = mul i64 %rank, 2
  %before = add i64 %used, 1
  %end = add i64 %before, %twice
  %room = icmp ule i64 %end, {MAX_KEY - 2}
  %both = and i1 %typed, %good
  %all = and i1 %both, %room
  br i1 %all, label %begin, label %no
begin:
{field("shape", "%object", SHAPE, "ptr")}
{field("strides", "%object", STRIDES, "ptr")}
{field("pointer", "%object", DATA, "ptr")}
  %data_at = getelementptr ptr, ptr %data, i64 %operand
  store ptr %pointer, ptr %data_at
  %rank_at = getelementptr i64, ptr %key, i64 %used
  store i64 %rank, ptr %rank_at
  %lengths = getelementptr i64, ptr %key, i64 %before
  %steps = getelementptr i64, ptr %lengths, i64 %rank
  %size_at = getelementptr i64, ptr %dtype_at, i64 2
  %size = load i64, ptr %size_at
  %start = ptrtoint ptr %pointer to i64
  %start_end = add i64 %start, %size
  br label %axis
axis:
  %d = phi i64 [ 0, %begin ], [ %d_next, %extend ]
  %low = phi i64 [ %start, %begin ], [ %low_next, %extend ]
  %high = phi i64 [ %start_end, %begin ], [ %high_next, %extend ]
  %done = icmp eq i64 %d, %rank
  br i1 %done, label %yes, label %length
length:
  %length_at = getelementptr i64, ptr %shape, i64 %d
  %extent = load i64, ptr %length_at
  %stride_at = getelementptr i64, ptr %strides, i64 %d
  %stride = load i64, ptr %stride_at
  %length_to = getelementptr i64, ptr %lengths, i64 %d
  store i64 %extent, ptr %length_to
  %stride_to = getelementptr i64, ptr %steps, i64 %d
  store i64 %stride, ptr %stride_to
  %some = icmp sgt i64 %extent, 0
  br i1 %some, label %extend, label %no
extend:
  %last = sub i64 %extent, 1
  %reach = mul i64 %last, %stride
  %backwards = icmp slt i64 %reach, 0
  %down = select i1 %backwards, i64 %reach, i64 0
  %up = select i1 %backwards, i64 0, i64 %reach
  %low_next = add i64 %low, %down
  %high_next = add i64 %high, %up
  %d_next = add i64 %d, 1
  br label %axis
yes:
  store i64 %low, ptr %bounds
  %bounds_high = getelementptr i64, ptr %bounds, i64 1
  store i64 %high, ptr %bounds_high
  ret i64 %end
no:
  ret i64 -1
}}

; Which inputs are the very same memory as an array given as `out`, a bit for each; −1 where it overlaps an operand otherwise.
define internal i64 @tied(ptr %table, ptr %data, ptr %bounds, ptr %starts, ptr %key, i64 %arguments, i64 %inputs, i64 %operand) {{
entry:
  %operands = getelementptr i64, ptr %table, i64 {OPERAND_TABLE}
  %low_place = mul i64 %operand, 2
  %low_at = getelementptr i64, ptr %bounds, i64 %low_place
  %low = load i64, ptr %low_at
  %high_at = getelementptr i64, ptr %low_at, i64 1
  %high = load i64, ptr %high_at
  br label %next
next:
  %k = phi i64 [ 0, %entry ], [ %k_next, %more ], [ %inputs, %skip ]
  %ties = phi i64 [ 0, %entry ], [ %ties_next, %more ], [ %ties, %skip ]
  %last = icmp eq i64 %k, %operand
  br i1 %last, label %exit, label %constant
constant:
  %is_argument = icmp ult i64 %k, %arguments
  %is_output = icmp uge i64 %k, %inputs
  %look = or i1 %is_argument, %is_output
  br i1 %look, label %other, label %skip
skip:
  br label %next
other:
  %other_place = mul i64 %k, 2
  %other_low_at = getelementptr i64, ptr %bounds, i64 %other_place
  %other_low = load i64, ptr %other_low_at
  %other_high_at = getelementptr i64, ptr %other_low_at, i64 1
  %other_high = load i64, ptr %other_high_at
  %above = icmp uge i64 %low, %other_high
  %below = icmp uge i64 %other_low, %high
  %apart = or i1 %above, %below
  br i1 %apart, label %more, label %same
same:
  %data_at = getelementptr i64, ptr %data, i64 %operand
  %pointer = load i64, ptr %data_at
  %other_data_at = getelementptr i64, ptr %data, i64 %k
  %other_pointer = load i64, ptr %other_data_at
  %at_once = icmp eq i64 %pointer, %other_pointer
  %words = mul i64 %operand, {OPERAND}
  %size_place = add i64 %words, 2
  %size_at = getelementptr i64, ptr %operands, i64 %size_place
  %size = load i64, ptr %size_at
  %other_words = mul i64 %k, {OPERAND}
  %other_size_place = add i64 %other_words, 2
  %other_size_at = getelementptr i64, ptr %operands, i64 %other_size_place
  %other_size = load i64, ptr %other_size_at
  %sized = icmp eq i64 %size, %other_size
  %likely_0 = and i1 %at_once, %sized
  %likely = and i1 %likely_0, %is_argument
  br i1 %likely, label %shapes, label %no
shapes:
  %start_at = getelementptr i64, ptr %starts, i64 %operand
  %start = load i64, ptr %start_at
  %other_start_at = getelementptr i64, ptr %starts, i64 %k
  %other_start = load i64, ptr %other_start_at
  %mine = getelementptr i64, ptr %key, i64 %start
  %theirs = getelementptr i64, ptr %key, i64 %other_start
  %rank = load i64, ptr %mine
  %twice = mul i64 %rank, 2
  %count = add i64 %twice, 1
  %equal = call i1 @equal_words(ptr %mine, ptr %theirs, i64 %count)
  br i1 %equal, label %more, label %no
more:
  %bit = phi i64 [ 0, %other ], [ 1, %shapes ]
  %shifted = shl i64 %bit, %k
  %ties_next = or i64 %ties, %shifted
  %k_next = add i64 %k, 1
  br label %next
exit:
  ret i64 %ties
no:
  ret i64 -1
}}

define internal i1 @equal_words(ptr %one, ptr %other, i64 %count) {{
entry:
  br label %next
next:
  %k = phi i64 [ 0, %entry ], [ %k_next, %compare ]
  %done = icmp eq i64 %k, %count
  br i1 %done, label %yes, label %compare
compare:
  %one_at = getelementptr i64, ptr %one, i64 %k
  %one_word = load i64, ptr %one_at
  %other_at = getelementptr i64, ptr %other, i64 %k
  %other_word = load i64, ptr %other_at
  %equal = icmp eq i64 %one_word, %other_word
  %k_next = add i64 %k, 1
  br i1 %equal, label %next, label %no
yes:
  ret i1 true
no:
  ret i1 false
}}

; The record of a key, or null.
define internal ptr @found(ptr %table, ptr %key, i64 %used) {{
entry:
  br label %mix
mix:
  %k = phi i64 [ 0, %entry ], [ %k_next, %mix ]
  %hash = phi i64 [ 0, %entry ], [ %hash_next, %mix ]
  %at = getelementptr i64, ptr %key, i64 %k
  %taken = load i64, ptr %at
  %mixed = xor i64 %hash, %taken
  %spread = mul i64 %mixed, {_NEGATIVE}
  %upper = lshr i64 %spread, 32
  %hash_next = xor i64 %spread, %upper
  %k_next = add i64 %k, 1
  %done = icmp eq i64 %k_next, %used
  br i1 %done, label %look, label %mix
look:
  %place = and i64 %hash_next, {PLACES - 1}
{word("plans", PLANS, "ptr")}
  %record_at = getelementptr ptr, ptr %plans, i64 %place
  %record = load ptr, ptr %record_at
  %none = icmp eq ptr %record, null
  br i1 %none, label %no, label %length
length:
  %known = load i64, ptr %record
  %same_length = icmp eq i64 %known, %used
  br i1 %same_length, label %words, label %no
words:
  %key_there = getelementptr i64, ptr %record, i64 2
  %equal = call i1 @equal_words(ptr %key_there, ptr %key, i64 %used)
  br i1 %equal, label %yes, label %no
yes:
  ret ptr %record
no:
  ret ptr null
}}
"""
