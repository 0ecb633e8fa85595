// SPDX-License-Identifier: GPL-2.0-only
#include <linux/kernel.h>

const char linux_banner[] = BANNER;
