from fission.cluster.supervisor import children


def test_the_first_restart_is_immediate_and_later_ones_wait_longer():
    delay = children.RestartDelay()

    assert [delay.after_run(0.0) for _ in range(5)] == [0.0, 0.1, 0.2, 0.4, 0.8]


def test_the_delay_is_bounded():
    delay = children.RestartDelay()

    assert max(delay.after_run(0.0) for _ in range(40)) == children.LONGEST_DELAY_SECONDS


def test_a_steady_run_forgets_earlier_failures():
    delay = children.RestartDelay()
    for _ in range(6):
        delay.after_run(0.0)

    assert delay.after_run(children.STEADY_SECONDS) == 0.0
