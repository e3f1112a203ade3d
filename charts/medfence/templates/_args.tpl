{{/* The flags that differ from the operator's own defaults. */}}
{{- define "medfence.args" -}}
{{- if ne .Values.cluster.domain "cluster.local" }}
- --cluster-domain={{ .Values.cluster.domain }}
{{- end }}
{{- range .Values.cluster.cidrs }}
- --cluster-cidr={{ . }}
{{- end }}
{{- with .Values.cluster.dns }}
{{- if or (ne .namespace "kube-system") (ne .name "kube-dns") }}
- --dns-service={{ .namespace }}/{{ .name }}
{{- end }}
{{- range .nodeLocal }}
- --node-local-dns={{ . }}
{{- end }}
{{- end }}
{{- with .Values.cilium.config }}
{{- if or (ne .namespace "kube-system") (ne .name "cilium-config") }}
- --cilium-config={{ .namespace }}/{{ .name }}
{{- end }}
{{- end }}
{{- if .Values.cilium.envoy }}
- --envoy
{{- end }}
{{- range .Values.protectedNamespaces }}
- --protected-namespace={{ . }}
{{- end }}
{{- if .Values.serviceCatalogue }}
- --service-catalogue=/etc/medfence/catalogue/services.yaml
{{- end }}
{{- if .Values.metrics.certificateSecret }}
- --metrics-cert-dir=/etc/medfence/certificate
{{- end }}
{{- if ne (int .Values.workers) 4 }}
- --workers={{ .Values.workers }}
{{- end }}
{{- if ne (int .Values.log.verbosity) 0 }}
- --v={{ .Values.log.verbosity }}
{{- end }}
{{- if ne .Values.log.format "json" }}
- --log-format={{ .Values.log.format }}
{{- end }}
{{- range .Values.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end }}
