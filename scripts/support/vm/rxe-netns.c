// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/*
 * What rdma_rxe lacks to stand in for a RoCE NIC whose macvlans live in pods. rxe-patch adds this
 * file to the end of rxe_net.c and calls it from there.
 */
#include <net/netns/generic.h>

static unsigned int netns_sockets_id;

static int match_rxe(struct net_device *lower, struct netdev_nested_priv *priv)
{
	struct rxe_dev *rxe = rxe_get_dev_from_net(lower);

	priv->data = rxe;
	return rxe ? 1 : 0;
}

/*
 * The rxe of a netdev below this one: of a macvlan's master, a VLAN's parent, a bond's slave.
 * Returns it with a reference held, as rxe_get_dev_from_net() does. Under RCU.
 */
struct rxe_dev *rxe_find_below(struct net_device *ndev)
{
	struct netdev_nested_priv priv = { .data = NULL };

	netdev_walk_all_lower_dev_rcu(ndev, match_rxe, &priv);
	return priv.data;
}

/* The driver itself listens in the first namespace only. */
static int __net_init netns_open(struct net *net)
{
	struct rxe_recv_sockets *sockets = net_generic(net, netns_sockets_id);
	struct socket *made;

	if (net_eq(net, &init_net))
		return 0;
	made = rxe_setup_udp_tunnel(net, htons(ROCE_V2_UDP_DPORT), false);
	if (IS_ERR(made))
		return PTR_ERR(made);
	sockets->sk4 = made;
	made = rxe_setup_udp_tunnel(net, htons(ROCE_V2_UDP_DPORT), true);
	if (IS_ERR(made) && PTR_ERR(made) != -EAFNOSUPPORT) {
		rxe_release_udp_tunnel(sockets->sk4);
		return PTR_ERR(made);
	}
	sockets->sk6 = IS_ERR(made) ? NULL : made;
	return 0;
}

static void __net_exit netns_close(struct net *net)
{
	struct rxe_recv_sockets *sockets = net_generic(net, netns_sockets_id);

	rxe_release_udp_tunnel(sockets->sk6);
	rxe_release_udp_tunnel(sockets->sk4);
}

static struct pernet_operations netns_operations = {
	.init = netns_open,
	.exit = netns_close,
	.id = &netns_sockets_id,
	.size = sizeof(struct rxe_recv_sockets),
};

int rxe_netns_init(void)
{
	int err = rxe_net_init();

	if (err)
		return err;
	err = register_pernet_subsys(&netns_operations);
	if (err)
		rxe_net_exit();
	return err;
}

void rxe_netns_exit(void)
{
	unregister_pernet_subsys(&netns_operations);
	rxe_net_exit();
}
