// SPDX-License-Identifier: GPL-2.0-only
//! The file formats of kernel packaging.
