// SPDX-License-Identifier: Apache-2.0
#include "support/print.hpp"

#include <ostream>

namespace mvr {

std::ostream& operator<<(std::ostream& out, const Error& error) {
  return out << "code " << static_cast<int>(error.code) << ", errno " << error.sys_errno << ", "
             << error.msg << (error.details.empty() ? "" : "\n") << error.details;
}

}  // namespace mvr
