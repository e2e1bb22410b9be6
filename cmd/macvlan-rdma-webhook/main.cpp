// SPDX-License-Identifier: Apache-2.0
#include "mvr/webhook/webhook.hpp"

int main(int argc, char** argv) {
  return mvr::webhook::run(argc, argv);
}
