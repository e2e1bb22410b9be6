// SPDX-License-Identifier: Apache-2.0

// Command cnitool is called as the CNI project's program of that name is, and hands all it is told
// to libcni, which does the work: it looks for a network by its name, calls its plugins one after
// the other and keeps their result for CHECK and DEL.
//
// Usage: cnitool add|check|del NETWORK NETNS
//
//	CNI_PATH      directories of plugins
//	NETCONFPATH   directory of networks; /etc/cni/net.d without it
//	CNI_IFNAME    name of the interface; eth0 without it
//	CNI_ARGS      KEY=VALUE;… for the plugins
//	CAP_ARGS      JSON object: what capabilities get
package main

import (
	"context"
	"crypto/sha512"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/containernetworking/cni/libcni"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) != 4 {
		return fmt.Errorf("usage: cnitool add|check|del NETWORK NETNS")
	}
	list, err := libcni.LoadConfList(or(os.Getenv("NETCONFPATH"), "/etc/cni/net.d"), os.Args[2])
	if err != nil {
		return err
	}
	attachment, err := attachment(os.Args[3])
	if err != nil {
		return err
	}
	return call(os.Args[1], list, attachment)
}

// attachment says what is to be attached: the ID of a container that lives in a namespace is made
// of the namespace's path.
func attachment(netns string) (*libcni.RuntimeConf, error) {
	netns, err := filepath.Abs(netns)
	if err != nil {
		return nil, err
	}
	arguments, err := cniArgs(os.Getenv("CNI_ARGS"))
	if err != nil {
		return nil, err
	}
	capabilities := map[string]interface{}{}
	if text := os.Getenv("CAP_ARGS"); text != "" {
		if err := json.Unmarshal([]byte(text), &capabilities); err != nil {
			return nil, fmt.Errorf("CAP_ARGS: %w", err)
		}
	}
	sum := sha512.Sum512([]byte(netns))
	return &libcni.RuntimeConf{
		ContainerID:    fmt.Sprintf("cnitool-%x", sum[:10]),
		NetNS:          netns,
		IfName:         or(os.Getenv("CNI_IFNAME"), "eth0"),
		Args:           arguments,
		CapabilityArgs: capabilities,
	}, nil
}

func cniArgs(text string) ([][2]string, error) {
	var result [][2]string
	for _, pair := range strings.Split(text, ";") {
		if pair == "" && text == "" {
			break
		}
		key, value, found := strings.Cut(pair, "=")
		if !found || key == "" || value == "" {
			return nil, fmt.Errorf("CNI_ARGS: %q is not KEY=VALUE", pair)
		}
		result = append(result, [2]string{key, value})
	}
	return result, nil
}

func call(verb string, list *libcni.NetworkConfigList, attachment *libcni.RuntimeConf) error {
	cni := libcni.NewCNIConfig(filepath.SplitList(os.Getenv("CNI_PATH")), nil)
	switch verb {
	case "add":
		result, err := cni.AddNetworkList(context.TODO(), list, attachment)
		if err != nil {
			return err
		}
		return result.Print()
	case "check":
		return cni.CheckNetworkList(context.TODO(), list, attachment)
	case "del":
		return cni.DelNetworkList(context.TODO(), list, attachment)
	}
	return fmt.Errorf("there is add, check and del, and no %q", verb)
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
