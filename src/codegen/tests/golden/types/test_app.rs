// @generated from module TestApp by shardcast-build. Do not edit.

use ::shardcast::__codegen as codegen;
