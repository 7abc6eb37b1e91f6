/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * tests/fuzz/model_edits.h: corrupted model folders that are one replaced text away from a
 * good one. Included by model_folders.c only.
 */
#pragma once

#include <glib.h>

#define MODEL    "model.safetensors"
#define INDEX    "model.safetensors.index.json"
#define SHARD_1  "model-00001-of-00002.safetensors"
#define SHARD_2  "model-00002-of-00002.safetensors"
#define CONFIG   "config.json"
#define PREPROC  "preprocessor_config.json"
#define VOCAB    "vocab.json"
#define MERGES   "merges.txt"
#define TOK_JSON "tokenizer.json"

#define E_16 "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
#define E_64 E_16 E_16 E_16 E_16

#define NEST_8   "[[[[[[[["
#define NEST_64  NEST_8 NEST_8 NEST_8 NEST_8 NEST_8 NEST_8 NEST_8 NEST_8
#define NEST_512 NEST_64 NEST_64 NEST_64 NEST_64 NEST_64 NEST_64 NEST_64 NEST_64

/* @file of the folder (or of its sharded form, if it is one of those files): @from becomes @to;
 * in a .safetensors file, in its header. */
typedef struct {
  const gchar *name, *file, *from, *to;
} ModelEdit;

#define FIRST      "\"dtype\":\"F16\",\"shape\":[64,3,8,8],\"data_offsets\":[0,24576]"
#define FIRST_NAME "\"vision_model.embeddings.patch_embedding.weight\""
#define CLASS_NAME "\"vision_model.embeddings.class_embedding\""
#define CLASS      "\"dtype\":\"F16\",\"shape\":[64],\"data_offsets\":[24576,24704]"
#define SCALE_NAME "\"logit_scale\""

static const ModelEdit model_edits[] = {
  /* Offsets */
  { "end beyond the file", MODEL, "[0,24576]", "[0,99999999]" },
  { "end at 2^53", MODEL, "[0,24576]", "[0,9007199254740992]" },
  { "end at 2^63", MODEL, "[0,24576]", "[0,9223372036854775808]" },
  { "wrapped end: 2^64 + 24576", MODEL, "[0,24576]", "[0,18446744073709576192]" },
  { "wrapped begin: 2^64", MODEL, "[0,24576]", "[18446744073709551616,24576]" },
  { "negative begin", MODEL, "[0,24576]", "[-1,24576]" },
  { "negative end", MODEL, "[0,24576]", "[0,-24576]" },
  { "begin after end", MODEL, "[0,24576]", "[24576,0]" },
  { "one offset", MODEL, "[0,24576]", "[24576]" },
  { "three offsets", MODEL, "[0,24576]", "[0,24576,24576]" },
  { "fractions as offsets", MODEL, "[0,24576]", "[0.0,24576.0]" },
  { "strings as offsets", MODEL, "[0,24576]", "[\"0\",\"24576\"]" },
  { "offsets in an object", MODEL, "[0,24576]", "{\"0\":24576}" },
  { "overlap", MODEL, "[24576,24704]", "[24448,24576]" },
  { "overlap by one byte", MODEL, "[24576,24704]", "[24575,24703]" },
  { "no offsets", MODEL, ",\"data_offsets\":[0,24576]", "" },
  /* Shapes */
  { "product 2^64 + ...", MODEL, "[64,3,8,8]", "[4294967296,4294967296,8,8]" },
  { "product 2^64", MODEL, "[64,3,8,8]", "[2147483648,2147483648,4]" },
  { "product of bytes 2^64", MODEL, "[64,3,8,8]", "[4503599627370496,2048]" },
  { "wrapped dimension", MODEL, "[64,3,8,8]", "[18446744073709551680,3,8,8]" },
  { "negative dimension", MODEL, "[64,3,8,8]", "[-64,3,8,-8]" },
  { "zero dimension", MODEL, "[64,3,8,8]", "[64,3,0,8]" },
  { "all of nothing", MODEL, FIRST, "\"dtype\":\"F16\",\"shape\":[0],\"data_offsets\":[0,0]" },
  { "nine dimensions", MODEL, "[64,3,8,8]", "[64,3,8,8,1,1,1,1,1]" },
  { "eight dimensions", MODEL, "[64,3,8,8]", "[64,3,8,8,1,1,1,1]" },
  { "same size, other shape", MODEL, "[64,3,8,8]", "[3,64,8,8]" },
  { "flat", MODEL, "[64,3,8,8]", "[12288]" },
  { "a fraction as dimension", MODEL, "[64,3,8,8]", "[64.5,3,8,8]" },
  { "a string as dimension", MODEL, "[64,3,8,8]", "[\"64\",3,8,8]" },
  { "no shape", MODEL, "\"shape\":[64,3,8,8],", "" },
  { "a number as shape", MODEL, "[64,3,8,8]", "12288" },
  { "scale as a matrix", MODEL, "\"logit_scale\":{\"dtype\":\"F16\",\"shape\":[]",
    "\"logit_scale\":{\"dtype\":\"F16\",\"shape\":[1,1]" },
  /* Types */
  { "unknown dtype", MODEL, "\"F16\"", "\"F12\"" },
  { "empty dtype", MODEL, "\"F16\"", "\"\"" },
  { "a number as dtype", MODEL, "\"F16\"", "16" },
  { "wider dtype", MODEL, "\"F16\"", "\"F32\"" },
  { "narrower dtype", MODEL, "\"F16\"", "\"U8\"" },
  { "integers of the same size", MODEL, "\"F16\"", "\"I16\"" },
  { "no dtype", MODEL, "\"dtype\":\"F16\",", "" },
  { "tensor as a list", MODEL, "{" FIRST "}", "[0,24576]" },
  { "tensor as null", MODEL, "{" FIRST "}", "null" },
  /* Names */
  { "a name twice", MODEL, CLASS_NAME, FIRST_NAME },
  { "a name twice, escaped", MODEL, CLASS_NAME,
    "\"vision_model.embeddings.patch_\\u0065mbedding.weight\"" },
  { "a key of a tensor twice", MODEL, CLASS, CLASS ",\"shape\":[64]" },
  { "a missing tensor", MODEL, CLASS_NAME, "\"other\"" },
  { "an empty name", MODEL, CLASS_NAME, "\"\"" },
  { "a name that is not UTF-8", MODEL, CLASS_NAME, "\"\xff\xfe\"" },
  { "a name that a message cuts in a character", MODEL, CLASS_NAME ":{\"dtype\":\"F16\"",
    "\"x" E_64 E_64 E_64 "\":{\"dtype\":3" },
  { "a NUL in a name", MODEL, CLASS_NAME, "\"vision_model.embeddings.class_embedding\\u0000\"" },
  { "half a surrogate in a name", MODEL, CLASS_NAME, "\"\\ud800\"" },
  { "metadata that is no object", MODEL, "{\"vision", "{\"__metadata__\":3,\"vision" },
  { "metadata of numbers", MODEL, "{\"vision", "{\"__metadata__\":{\"format\":1},\"vision" },
  /* The header as JSON */
  { "depth bomb", MODEL, "[64,3,8,8]", NEST_512 },
  { "depth bomb of objects", MODEL, "{\"vision",
    "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":" NEST_64 "\"vision" },
  { "no closing brace", MODEL, ",\"vision_model.pre_layrnorm.weight\"", "" },
  { "a list as header", MODEL, "{\"vision", "[\"vision" },
  { "text after the header", MODEL, "{\"vision", "{} {\"vision" },
  { "a comment", MODEL, "{\"vision", "{/* */\"vision" },
  { "single quotes", MODEL, FIRST_NAME, "'patch'" },
  { "a control character", MODEL, FIRST_NAME, "\"\x01\"" },
  { "NaN as offset", MODEL, "[0,24576]", "[NaN,24576]" },
  { "an infinite number", MODEL, "[0,24576]", "[0,1e999]" },
  { "a hexadecimal number", MODEL, "[0,24576]", "[0x0,24576]" },
  { "leading zeros", MODEL, "[0,24576]", "[00,24576]" },
  { "a number of 400 digits", MODEL, "[0,24576]",
    "[0,0.10000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000]" },
  /* Shards */
  { "a shard above the folder", INDEX, SHARD_1, "../" SHARD_1 },
  { "a shard by an absolute path", INDEX, SHARD_1, "/etc/passwd" },
  { "a shard in a folder", INDEX, SHARD_1, "sub/" SHARD_1 },
  { "a shard named ..", INDEX, SHARD_1, ".." },
  { "a shard named .", INDEX, SHARD_1, "." },
  { "a shard without a name", INDEX, SHARD_1, "" },
  { "a shard that is missing", INDEX, SHARD_1, "model-00003-of-00002.safetensors" },
  { "a shard that is no safetensors file", INDEX, SHARD_1, CONFIG },
  { "the other shard", INDEX, SHARD_1, SHARD_2 },
  { "a number as shard", INDEX, "\"" SHARD_1 "\"", "1" },
  { "no weight_map", INDEX, "weight_map", "weight_mop" },
  { "a list as weight_map", INDEX, "\"weight_map\":{", "\"weight_map\":[],\"x\":{" },
  { "a tensor twice in the index", INDEX, "\"weight_map\":{",
    "\"weight_map\":{" SCALE_NAME ":\"" SHARD_1 "\"," },
  { "a tensor that no shard has", INDEX, "\"weight_map\":{",
    "\"weight_map\":{\"nowhere\":\"" SHARD_1 "\"," },
  { "a depth bomb in the index", INDEX, "{}", NEST_512 },
  { "a tensor missing from the index", INDEX, SCALE_NAME, "\"x\"" },
  { "a wrong offset in the second shard", SHARD_2, "\"data_offsets\":[0,", "\"data_offsets\":[1," },
  /* config.json */
  { "another family", CONFIG, "\"clip\"", "\"siglip\"" },
  { "no family", CONFIG, "\"model_type\"", "\"type\"" },
  { "a number as family", CONFIG, "\"clip\"", "7" },
  { "a list as text_config", CONFIG, "\"text_config\":{", "\"text_config\":[],\"x\":{" },
  { "width 0", CONFIG, "\"hidden_size\":64", "\"hidden_size\":0" },
  { "negative width", CONFIG, "\"hidden_size\":64", "\"hidden_size\":-64" },
  { "width of 2^32 + 64", CONFIG, "\"hidden_size\":64", "\"hidden_size\":4294967360" },
  { "width of 2^64 + 64", CONFIG, "\"hidden_size\":64", "\"hidden_size\":18446744073709551680" },
  { "another width", CONFIG, "\"hidden_size\":64", "\"hidden_size\":96" },
  { "a string as width", CONFIG, "\"hidden_size\":64", "\"hidden_size\":\"64\"" },
  { "heads that do not divide", CONFIG, "\"num_attention_heads\":2", "\"num_attention_heads\":3" },
  { "no heads", CONFIG, "\"num_attention_heads\":2", "\"num_attention_heads\":0" },
  { "more heads than width", CONFIG, "\"num_attention_heads\":2", "\"num_attention_heads\":128" },
  { "more layers", CONFIG, "\"num_hidden_layers\":2", "\"num_hidden_layers\":3" },
  { "four billion layers", CONFIG, "\"num_hidden_layers\":2", "\"num_hidden_layers\":4294967298" },
  { "another activation", CONFIG, "quick_gelu", "relu" },
  { "patch 0", CONFIG, "\"patch_size\":8", "\"patch_size\":0" },
  { "patch larger than the image", CONFIG, "\"patch_size\":8", "\"patch_size\":33" },
  { "another patch", CONFIG, "\"patch_size\":8", "\"patch_size\":4" },
  { "a huge image", CONFIG, "\"image_size\":32", "\"image_size\":1000000000" },
  { "another image size", CONFIG, "\"image_size\":32", "\"image_size\":48" },
  { "context 1", CONFIG, "\"max_position_embeddings\":16", "\"max_position_embeddings\":1" },
  { "another context", CONFIG, "\"max_position_embeddings\":16", "\"max_position_embeddings\":77" },
  { "another vocabulary", CONFIG, "\"vocab_size\":514", "\"vocab_size\":512" },
  { "another projection", CONFIG, "\"projection_dim\":32", "\"projection_dim\":33" },
  { "NaN in the config", CONFIG, "\"projection_dim\":32", "\"projection_dim\":NaN" },
  { "a depth bomb in the config", CONFIG, "[\"CLIPModel\"]", NEST_512 },
  { "a key twice in the config", CONFIG, "\"architectures\":", "\"model_type\":" },
  { "not UTF-8 in the config", CONFIG, "CLIPModel", "\xc3\x28" },
  /* preprocessor_config.json */
  { "another crop", PREPROC, "\"height\":32", "\"height\":33" },
  { "a crop of another size", PREPROC, "{\"height\":32,\"width\":32}", "224" },
  { "a negative crop", PREPROC, "{\"height\":32,\"width\":32}", "-32" },
  { "a resize below the crop", PREPROC, "\"shortest_edge\":32", "\"shortest_edge\":16" },
  { "an unknown filter", PREPROC, "\"resample\":3", "\"resample\":1" },
  { "two means", PREPROC, "0.48145466,", "" },
  { "a string as mean", PREPROC, "0.48145466", "\"0.48145466\"" },
  { "no deviation", PREPROC, "0.26862954", "0.0" },
  { "negative deviation", PREPROC, "0.26862954", "-0.26862954" },
  { "an endless mean", PREPROC, "0.48145466", "1e400" },
  { "a huge mean", PREPROC, "0.48145466", "1e300" },
  { "a string as switch", PREPROC, "\"do_resize\":true", "\"do_resize\":\"yes\"" },
  { "no resize", PREPROC, "\"do_resize\":true", "\"do_resize\":false" },
  /* The tokenizer */
  { "an id beyond the vocabulary", VOCAB, ":513", ":514" },
  { "a wrapped id", VOCAB, ":513", ":18446744073709552129" },
  { "a negative id", VOCAB, ":513", ":-1" },
  { "a string as id", VOCAB, ":513", ":\"513\"" },
  { "no end token", VOCAB, "<|endoftext|>", "<|end|>" },
  { "no start token", VOCAB, "<|startoftext|>", "<|start|>" },
  { "a token twice", VOCAB, "<|startoftext|>", "<|endoftext|>" },
  { "a merge of one part", MERGES, "a b\n", "a\n" },
  { "a merge of three parts", MERGES, "a b\n", "a b c\n" },
  { "a merge of nothing", MERGES, "a b\n", " b\n" },
  { "a merge that is not in the vocabulary", MERGES, "a b\n", "x y\n" },
  { "merges that are not UTF-8", MERGES, "a b\n", "a \xff\n" },
  { "another kind of tokenizer", TOK_JSON, "\"BPE\"", "\"Unigram\"" },
  { "another suffix", TOK_JSON, "</w>", "" },
  { "no vocabulary", TOK_JSON, "\"vocab\"", "\"vacab\"" },
  { "no merges", TOK_JSON, "\"merges\"", "\"morges\"" },
  { "a merge as number", TOK_JSON, "[[\"a\",\"b\"]", "[7" },
  { "a merge as three", TOK_JSON, "[\"a\",\"b\"]", "[\"a\",\"b\",\"c\"]" },
  { "an added token without id", TOK_JSON, "\"id\":513,", "" },
  { "an added token out of range", TOK_JSON, "\"id\":513,", "\"id\":99999," },
  { "an added token as string", TOK_JSON, "\"added_tokens\":[{", "\"added_tokens\":[\"x\",{" },
};
