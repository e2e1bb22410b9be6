// SPDX-License-Identifier: Apache-2.0
/// \file
/// What it costs to start a program and to end it.
int main() {
  return 0;
}
