#include "server/precompiled.h"
