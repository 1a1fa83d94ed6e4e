#!/usr/bin/env bash
# A failover, an alarm and a network ACL, driven with nothing but the aws CLI. docs/aws-cli.md walks through it.
#
#     gameday twin up --design active_active --speed 20
#     eval "$(gameday twin env)"
#     docs/aws-cli.sh
#
# tests/contract/test_aws_cli.py runs it. It leaves the twin as it found it, but for the writer, which has moved.
set -euo pipefail
export AWS_DEFAULT_OUTPUT=text AWS_PAGER=

# Version 1 of the CLI sends `aws rds` and `aws sqs` in us-east-1 to AWS itself, whatever AWS_ENDPOINT_URL says.
aws() { command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }

say() { printf '\n== %s\n' "$*"; }

# `eventually WHAT WANTED COMMAND…`: repeat the command until it prints WANTED; give up after a minute.
eventually() {
    local what=$1 wanted=$2 told=
    shift 2
    for _ in $(seq 60); do
        told=$("$@" 2>&1) || true
        [ "$told" = "$wanted" ] && { echo "$what: $told"; return; }
        sleep 0.2
    done
    echo "$what: still $told, not $wanted" >&2
    return 1
}

say "Who am I?"
account=$(aws sts get-caller-identity --query Account)
echo "account $account"

say "A failover: the other instance of the writer's cluster takes over"
cluster=agentauri-us
standby=$(aws rds describe-db-clusters --db-cluster-identifier "$cluster" \
    --query 'DBClusters[0].DBClusterMembers[?!IsClusterWriter].DBInstanceIdentifier')
echo "reads: $standby"
aws rds failover-db-cluster --db-cluster-identifier "$cluster" --target-db-instance-identifier "$standby" \
    --query 'DBCluster.Status'
eventually "writer" "$standby" aws rds describe-db-clusters --db-cluster-identifier "$cluster" \
    --query 'DBClusters[0].DBClusterMembers[?IsClusterWriter].DBInstanceIdentifier'
aws rds describe-events --source-type db-cluster --source-identifier "$cluster" --event-categories failover \
    --query 'Events[].Message'

say "An alarm: it rings, and its message arrives"
topic=arn:aws:sns:$AWS_DEFAULT_REGION:$account:agentauri-alerts
queue=$(aws sqs get-queue-url --queue-name agentauri-alerts-gameday)
aws cloudwatch put-metric-alarm --alarm-name docs-orders-stuck --namespace Docs --metric-name OrdersStuck \
    --statistic Maximum --period 10 --evaluation-periods 1 --threshold 5 \
    --comparison-operator GreaterThanThreshold --alarm-actions "$topic"
trap 'aws cloudwatch delete-alarms --alarm-names docs-orders-stuck' EXIT
ringing() {
    aws cloudwatch put-metric-data --namespace Docs \
        --metric-data MetricName=OrdersStuck,Value=9,StorageResolution=1
    aws cloudwatch describe-alarms --alarm-names docs-orders-stuck --query 'MetricAlarms[0].StateValue'
}
eventually "alarm" ALARM ringing
aws cloudwatch describe-alarm-history --alarm-name docs-orders-stuck --history-item-type Action \
    --query 'AlarmHistoryItems[0].HistorySummary'
delivered() {
    aws sqs receive-message --queue-url "$queue" --wait-time-seconds 20 --max-number-of-messages 10 \
        --query "contains(to_string(Messages[].Body), 'docs-orders-stuck')"
}
eventually "delivered" True delivered

say "A network ACL: America's clients are shut out of us-east-1, and let in again"
name=$(aws elbv2 describe-load-balancers --query 'LoadBalancers[0].DNSName')
acl=$(aws ec2 describe-network-acls --filters Name=default,Values=true --query 'NetworkAcls[0].NetworkAclId')
knock() {
    gameday twin enter america -- timeout 1 bash -c "exec 3<>/dev/tcp/$name/80" && echo open || echo closed
}
eventually "before" open knock
aws ec2 create-network-acl-entry --network-acl-id "$acl" --ingress --rule-number 50 --protocol tcp \
    --port-range From=80,To=80 --cidr-block 10.101.0.0/16 --rule-action deny
eventually "denied" closed knock
aws ec2 delete-network-acl-entry --network-acl-id "$acl" --ingress --rule-number 50
eventually "allowed" open knock
